"""A file that stands under its final name whole and verified, or not at all."""

import os
from collections.abc import Callable
from contextlib import AbstractContextManager, suppress
from pathlib import Path
from types import TracebackType
from typing import IO, Self

PARTIAL_SUFFIX = ".partial"


class PartialFile(AbstractContextManager["PartialFile"]):
    """
    Write to ``.NAME.partial`` beside the final name; ``finish`` makes it durable, checks and renames it.

    Left without ``finish``, the partial file is removed. The mode is 0600 from the first byte. A
    partial file of a crashed run is replaced.
    """

    def __init__(self, final: Path) -> None:
        self.final = final
        self.path = final.with_name(f".{final.name}{PARTIAL_SUFFIX}")
        self._finished = False
        final.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        with suppress(FileNotFoundError):
            self.path.unlink()
        descriptor = os.open(
            self.path, os.O_RDWR | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0), 0o600
        )
        self.stream: IO[bytes] = os.fdopen(descriptor, "w+b")

    def __enter__(self) -> Self:
        return self

    def finish(self, verify: Callable[[Path], None] = lambda _: None, *, replace: bool = False) -> None:
        """
        Bring every byte to the disk, let ``verify`` look at the file, then give it its final name.

        What ``verify`` raises is passed on, and no file appears. Raises FileExistsError, unless
        ``replace`` is given, where a file has the final name already.
        """
        self.stream.flush()
        os.fsync(self.stream.fileno())
        verify(self.path)
        self.stream.close()
        if not replace and self.final.exists():
            raise FileExistsError(f"{self.final} exists already")
        self.path.replace(self.final)
        self._finished = True
        sync_folder(self.final.parent)

    def __exit__(
        self,
        error_type: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if not self._finished:
            # Closing flushes, and a full disk may refuse that; the file goes in any case.
            with suppress(OSError):
                self.stream.close()
            with suppress(FileNotFoundError):
                self.path.unlink()


def sync_folder(folder: Path) -> None:
    """Make the names in a folder durable, where the system can (not on Windows)."""
    if not hasattr(os, "O_DIRECTORY"):
        return
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
