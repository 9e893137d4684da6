"""What a folder away from this machine must be able to do, whatever protocol it speaks."""

from collections.abc import Iterator
from contextlib import AbstractContextManager
from typing import Protocol

from storekeeper.encryption.streams import Sink


class Store(Protocol):
    """
    A folder of files. Each method raises FileNotFoundError for a name that is not there, and whatever its
    library raises; ``OffsitePlace`` makes errors for people of these.
    """

    shows_unfinished: bool
    """Whether a file can be seen while it is written, so that it needs another name until it is whole."""

    def names(self) -> set[str]:
        """Return the names of the files; none where the folder does not exist yet."""

    def size_bytes(self, name: str) -> int:
        """Return the size of a file."""

    def read(self, name: str, *, offset: int = 0) -> Iterator[bytes]:
        """Yield the content from ``offset`` on in pieces of some megabytes at most."""

    def writer(self, name: str, *, size_bytes: int) -> AbstractContextManager[Sink]:
        """
        Open a file for writing, replacing one that is there; ``size_bytes`` is about how many will come.

        It is whole and durable when the block has ended; after an error in the block it is not.
        """

    def rename(self, name: str, new: str) -> None:
        """Give a file its final name, replacing one that has it."""

    def remove(self, name: str) -> None:
        """Remove a file."""
