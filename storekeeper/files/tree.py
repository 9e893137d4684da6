"""
One configured root and the files below it.

Every step from the root to a file goes through directory descriptors without following a symbolic
link, so nobody who swaps a folder for a link in between can lead us elsewhere. Where the system has no
such descriptors (Windows), each folder on the way is checked before it is used.
"""

import errno
import os
import stat
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import IO, Final, Self

from storekeeper.errors import UnsafePath

BY_DESCRIPTOR: Final = os.open in os.supports_dir_fd and os.scandir in os.supports_fd

_FOLDER_FLAGS: Final = os.O_RDONLY | getattr(os, "O_DIRECTORY", 0) | getattr(os, "O_NOFOLLOW", 0)
_FILE_FLAGS: Final = os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_BINARY", 0)
# What the system says when a folder on the way is not (or no longer) a plain folder.
_NOT_A_FOLDER: Final = (errno.ELOOP, errno.ENOTDIR)


@dataclass(frozen=True, kw_only=True)
class FoundFile:
    """
    A regular file as it was when it was looked at.

    ``name`` is relative to the root, in the POSIX form, undecodable bytes as surrogates. Sizes are
    bytes, times nanoseconds since 1970. ``device`` and ``inode`` say later whether it is still this file.
    """

    name: str
    size_bytes: int
    allocated_bytes: int
    modified_ns: int
    changed_ns: int
    device: int
    inode: int
    links: int

    @property
    def youngest(self) -> float:
        """Give the later of both times in seconds: a copied-in file keeps an old mtime, but not its ctime."""
        return max(self.modified_ns, self.changed_ns) / 1e9

    def same_as(self, other: "FoundFile") -> bool:
        """Tell whether ``other`` is this file, unchanged."""
        mine = (self.device, self.inode, self.size_bytes, self.modified_ns)
        return mine == (other.device, other.inode, other.size_bytes, other.modified_ns)


class Tree(AbstractContextManager["Tree"]):
    """An open root. The root itself may be a symbolic link of the user's; below it none is followed."""

    def __init__(self, root: Path) -> None:
        """Open ``root``; raises UnsafePath when it is not a folder."""
        self.root = Path(os.path.realpath(root))
        try:
            self._descriptor = os.open(self.root, _FOLDER_FLAGS) if BY_DESCRIPTOR else -1
            self.device = (os.fstat(self._descriptor) if BY_DESCRIPTOR else self.root.stat()).st_dev
        except OSError as error:
            raise UnsafePath(f"{root} cannot be opened as a folder: {error.strerror}") from None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        error_type: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1

    def find(self, name: str) -> FoundFile | None:
        """Give the regular file of that name, None where there is none or something else."""
        with suppress(FileNotFoundError, UnsafePath), self._folder_of(name) as (folder, last):
            return _found(name, os.stat(last, dir_fd=folder, follow_symlinks=False))
        return None

    def walk(self, below: str = "") -> Iterator[FoundFile]:
        """
        Give the regular files below the folder ``below``, on the root's own filesystem.

        Files and folders that vanish or cannot be read during the walk are passed over.
        """
        try:
            with self._folder(below) as folder:
                names = os.listdir(folder if BY_DESCRIPTOR else self.root / below)  # noqa: PTH208 - by descriptor
                folders = []
                for entry in names:
                    name = f"{below}/{entry}" if below else entry
                    try:
                        status = (
                            os.stat(entry, dir_fd=folder, follow_symlinks=False)
                            if BY_DESCRIPTOR
                            else (self.root / name).lstat()
                        )
                    except OSError:
                        continue
                    if stat.S_ISDIR(status.st_mode):
                        if status.st_dev == self.device:
                            folders.append(name)
                    elif found := _found(name, status):
                        yield found
        except (OSError, UnsafePath):
            return
        for name in folders:
            yield from self.walk(name)

    def open(self, name: str) -> IO[bytes]:
        """Open a regular file for reading; raises UnsafePath for anything else, FileNotFoundError."""
        with self._folder_of(name) as (folder, last):
            try:
                descriptor = os.open(last, _FILE_FLAGS | getattr(os, "O_NONBLOCK", 0), dir_fd=folder)
            except OSError as error:
                if error.errno in _NOT_A_FOLDER:
                    raise UnsafePath(f"{name!r} is a symbolic link") from None
                raise
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            os.close(descriptor)
            raise UnsafePath(f"{name!r} is not a regular file")
        return os.fdopen(descriptor, "rb")

    def remove(self, file: FoundFile) -> bool:
        """
        Remove the file if it is still the one that was found, unchanged.

        Gives True when it is gone (also when somebody else removed it), False when another file stands
        in its place, which is left alone. Raises UnsafePath when the way to it is no longer plain.
        """
        try:
            with self._folder_of(file.name) as (folder, last):
                now = _found(file.name, os.stat(last, dir_fd=folder, follow_symlinks=False))
                if now is None or not file.same_as(now):
                    return False
                os.unlink(last, dir_fd=folder)
        except FileNotFoundError:
            pass
        return True

    @contextmanager
    def _folder_of(self, name: str) -> Iterator[tuple[int | None, str]]:
        """Open the folder that holds ``name``; give its descriptor and the last part of the name."""
        parent, _, last = name.rpartition("/")
        if not last or last in (".", ".."):
            raise UnsafePath(f"{name!r} is not the name of a file below {self.root}")
        with self._folder(parent) as folder:
            yield (folder, last) if BY_DESCRIPTOR else (None, str(self.root / parent / last))

    @contextmanager
    def _folder(self, name: str) -> Iterator[int]:
        """Open a folder below the root, one plain folder after the other."""
        parts = [part for part in name.split("/") if part]
        if ".." in parts or "." in parts or name.startswith("/") or "\0" in name:
            raise UnsafePath(f"{name!r} does not stay below {self.root}")
        if not BY_DESCRIPTOR:
            self._check_each(parts)
            yield -1
            return
        descriptor = os.dup(self._descriptor)
        try:
            for part in parts:
                try:
                    deeper = os.open(part, _FOLDER_FLAGS, dir_fd=descriptor)
                except OSError as error:
                    if error.errno in _NOT_A_FOLDER:
                        raise UnsafePath(f"{name!r}: {part!r} is not a plain folder") from None
                    raise
                os.close(descriptor)
                descriptor = deeper
            yield descriptor
        finally:
            os.close(descriptor)

    def _check_each(self, parts: list[str]) -> None:
        path = self.root
        for part in parts:
            path /= part
            if path.is_symlink() or (hasattr(path, "is_junction") and path.is_junction()):
                raise UnsafePath(f"{path} is not a plain folder")


def _found(name: str, status: os.stat_result) -> FoundFile | None:
    if not stat.S_ISREG(status.st_mode):
        return None
    return FoundFile(
        name=name,
        size_bytes=status.st_size,
        allocated_bytes=getattr(status, "st_blocks", (status.st_size + 511) // 512) * 512,
        modified_ns=status.st_mtime_ns,
        changed_ns=status.st_ctime_ns,
        device=status.st_dev,
        inode=status.st_ino,
        links=status.st_nlink,
    )
