"""A folder of this machine as a place: another disk, or what is mounted there. Links are not followed."""

import os
import re
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final

from storekeeper.encryption.streams import Sink
from storekeeper.errors import OffsiteFailed
from storekeeper.files import Tree
from storekeeper.files.atomic import sync_folder

_CHUNK_BYTES: Final = 4 << 20
_NEW_FLAGS: Final = (
    os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_BINARY", 0)
)
_DRIVE: Final = re.compile(r"/[A-Za-z]:/")


class LocalFolder:
    """A folder that is there already: made by us, it would stand where a disk is to be mounted."""

    shows_unfinished = True

    def __init__(self, path: str) -> None:
        """Take the folder; raises OffsiteFailed when there is none."""
        self._folder = Path(os.path.abspath(path[1:] if _DRIVE.match(path) else path))  # noqa: PTH100
        if not self._folder.is_dir():
            raise OffsiteFailed("there is no such folder", hint="Is its disk mounted?")

    def names(self) -> set[str]:
        with Tree(self._folder) as tree:
            return set(tree.names())

    def size_bytes(self, name: str) -> int:
        with Tree(self._folder) as tree:
            found = tree.look(name)
        if found is None:
            raise FileNotFoundError(name)
        return found.size_bytes

    def read(self, name: str, *, offset: int = 0) -> Iterator[bytes]:
        with Tree(self._folder) as tree, tree.open(name) as file:
            file.seek(offset)
            while data := file.read(_CHUNK_BYTES):
                yield data

    @contextmanager
    def writer(self, name: str, *, size_bytes: int) -> Iterator[Sink]:
        path = self._folder / name
        # What is there is replaced, never written into: a link would lead us elsewhere.
        with suppress(FileNotFoundError):
            path.unlink()
        with os.fdopen(os.open(path, _NEW_FLAGS, 0o600), "wb") as stream:
            yield stream
            stream.flush()
            os.fsync(stream.fileno())

    def rename(self, name: str, new: str) -> None:
        (self._folder / name).replace(self._folder / new)
        sync_folder(self._folder)

    def remove(self, name: str) -> None:
        (self._folder / name).unlink()
