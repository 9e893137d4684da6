"""A file that stands under its final name whole and verified, or not at all."""

import os
import sys
from collections.abc import Callable
from contextlib import AbstractContextManager, suppress
from pathlib import Path
from types import TracebackType
from typing import IO, Final, Self

from storekeeper.errors import AlreadyRunning

PARTIAL_SUFFIX = ".partial"

_NEW_FLAGS: Final = (
    os.O_RDWR | os.O_CREAT | os.O_EXCL | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_BINARY", 0)
)


class PartialFile(AbstractContextManager["PartialFile"]):
    """
    Write to ``.NAME.partial`` beside the final name; ``finish`` makes it durable, checks and renames it.

    Left without ``finish``, the partial file is removed. The mode is 0600 from the first byte. A
    partial file of a crashed run is replaced; for one that another run is writing AlreadyRunning is raised.
    """

    def __init__(self, final: Path) -> None:
        self.final = final
        self.path = final.with_name(f".{final.name}{PARTIAL_SUFFIX}")
        self._finished = False
        final.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        if is_being_written(self.path):
            raise AlreadyRunning(
                f"{self.path} is being written by another run", hint="Wait until that has ended"
            )
        with suppress(FileNotFoundError):
            self.path.unlink()
        self.stream: IO[bytes] = os.fdopen(os.open(self.path, _NEW_FLAGS, 0o600), "w+b")
        self._status = os.fstat(self.stream.fileno())
        # Whoever sweeps what crashed runs have left sees by this that we are at work.
        hold(self.stream)

    def __enter__(self) -> Self:
        return self

    def finish(self, verify: Callable[[Path], None] = lambda _: None, *, replace: bool = False) -> None:
        """
        Bring every byte to the disk, let ``verify`` look at the file, then give it its final name.

        What ``verify`` raises is passed on, and no file appears. Raises FileExistsError, unless
        ``replace`` is given, where a file has the final name already; FileNotFoundError where the partial
        file is not the one that was written.
        """
        self.stream.flush()
        os.fsync(self.stream.fileno())
        verify(self.path)
        if not self._is_ours():
            raise FileNotFoundError(f"{self.path} was replaced by somebody else")
        if sys.platform == "win32":
            # An open file cannot be renamed there.
            self.stream.close()
        if not replace and self.final.exists():
            raise FileExistsError(f"{self.final} exists already")
        self.path.replace(self.final)
        self._finished = True
        self.stream.close()
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
                if self._is_ours():
                    self.path.unlink()

    def _is_ours(self) -> bool:
        """Tell whether the file under the partial name is still the one that we write."""
        return os.path.samestat(self._status, self.path.lstat())


def hold(file: IO[bytes]) -> bool:
    """Mark an open file as being written, until it is closed; False where somebody else has marked it."""
    if sys.platform == "win32":
        # An open file cannot be removed there, so it needs no mark.
        return True
    import fcntl

    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError:
        # A filesystem without locks.
        return True
    return True


def is_being_written(path: Path) -> bool:
    """Tell whether some process holds the file at ``path`` as being written."""
    flags = os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0)
    try:
        descriptor = os.open(path, flags)
    except OSError:
        return False
    with os.fdopen(descriptor, "rb") as file:
        return not hold(file)


def sync_folder(folder: Path) -> None:
    """Make the names in a folder durable, where the system can (not on Windows)."""
    if not hasattr(os, "O_DIRECTORY"):
        return
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
