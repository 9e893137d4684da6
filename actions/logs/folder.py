"""One folder of logs, held open by its descriptor: each name is looked up in this folder and no other."""

import errno
import os
import stat
import sys
from collections.abc import Iterator
from contextlib import AbstractContextManager, suppress
from pathlib import Path
from types import TracebackType
from typing import IO, Final, Self

from storekeeper.errors import AlreadyRunning, UnsafePath
from storekeeper.files.place import BY_DESCRIPTOR, FOLDER_FLAGS, Place

if sys.platform == "win32":
    fcntl = None
else:
    import fcntl

# A fifo under a log's name must not hold us up, and a terminal must not become ours.
_SAFE_FLAGS: Final = (
    getattr(os, "O_NOFOLLOW", 0)
    | getattr(os, "O_NONBLOCK", 0)
    | getattr(os, "O_NOCTTY", 0)
    | getattr(os, "O_BINARY", 0)
)


class LogFolder(AbstractContextManager["LogFolder"]):
    """The folder ``name`` below ``root``; no symbolic link is followed below the root."""

    def __init__(self, root: Path, *, name: str = "") -> None:
        """Open the folder; raises UnsafePath where a step on the way is no plain folder."""
        root = Path(os.path.realpath(root))
        self.path = root / name
        try:
            place = Place(folder=root, descriptor=os.open(root, FOLDER_FLAGS) if BY_DESCRIPTOR else None)
            for part in name.split("/") if name else []:
                try:
                    deeper = place.step(part)
                finally:
                    place.close()
                place = deeper
        except OSError as error:
            raise UnsafePath(f"{self.path} cannot be opened as a folder: {error.strerror}") from None
        self._place = place

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        error_type: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._place.close()

    def entries(self) -> list[str]:
        """Give the names in the folder, sorted."""
        return sorted(self._place.entries())

    def status(self, name: str) -> os.stat_result | None:
        """Give the status of the entry itself, None where there is none."""
        with suppress(FileNotFoundError):
            return self._place.status(name)
        return None

    def open(self, name: str, *, write: bool = False) -> IO[bytes]:
        """
        Open a regular file without a buffer; what is written to it goes to its end.

        Raises UnsafePath for anything else than a regular file, FileNotFoundError.
        """
        try:
            descriptor = os.open(
                self._place.path(name),
                (os.O_RDWR | os.O_APPEND if write else os.O_RDONLY) | _SAFE_FLAGS,
                dir_fd=self._place.descriptor,
            )
        except OSError as error:
            if error.errno == errno.ELOOP:
                raise UnsafePath(f"{self.path / name} is a symbolic link") from None
            raise
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            os.close(descriptor)
            raise UnsafePath(f"{self.path / name} is not a regular file")
        return os.fdopen(descriptor, "r+b" if write else "rb", buffering=0)

    def create(self, name: str, *, mode: int = 0o600) -> IO[bytes]:
        """Create a file for reading and writing; raises FileExistsError where the name is taken."""
        descriptor = os.open(
            self._place.path(name),
            os.O_RDWR | os.O_CREAT | os.O_EXCL | _SAFE_FLAGS,
            mode,
            dir_fd=self._place.descriptor,
        )
        return os.fdopen(descriptor, "r+b")

    def replace(self, name: str, *, by: str) -> None:
        """Give the file ``by`` the name ``name``, in place of what had it."""
        descriptor = self._place.descriptor
        os.replace(self._place.path(by), self._place.path(name), src_dir_fd=descriptor, dst_dir_fd=descriptor)

    def remove(self, name: str) -> None:
        """Remove an entry; one that is gone already is fine."""
        with suppress(FileNotFoundError):
            os.unlink(self._place.path(name), dir_fd=self._place.descriptor)

    def lock(self) -> None:
        """
        Keep every other rotation out of the folder until it is closed, whichever shop's it is.

        Raises AlreadyRunning. Where the system has no such locks the shop's own lock must do.
        """
        if fcntl is None or self._place.descriptor is None:
            return
        try:
            fcntl.flock(self._place.descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise AlreadyRunning(
                f"{self.path}: another storekeeper rotates logs there",
                hint="Let one shop have the folder as its area; the next run finds it free",
            ) from None
        except OSError:
            return

    def sync(self) -> None:
        """Make the names in the folder durable, where the system can."""
        if self._place.descriptor is not None:
            os.fsync(self._place.descriptor)

    @property
    def descriptor(self) -> int | None:
        """Give the folder's descriptor, None where the system has none."""
        return self._place.descriptor

    def find_inode(self, inode: int, *, first: str) -> str | None:
        """Give the name of the regular file with this inode, ``first`` before all others."""
        for name in self._names_from(first):
            status = self.status(name)
            if status is not None and status.st_ino == inode and stat.S_ISREG(status.st_mode):
                return name
        return None

    def _names_from(self, first: str) -> Iterator[str]:
        yield first
        yield from (name for name in self.entries() if name != first)
