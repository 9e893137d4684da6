"""An open folder: a descriptor where the system has them, a checked path on Windows."""

import errno
import os
import stat
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

BY_DESCRIPTOR: Final = os.open in os.supports_dir_fd and os.scandir in os.supports_fd

FOLDER_FLAGS: Final = os.O_RDONLY | getattr(os, "O_DIRECTORY", 0) | getattr(os, "O_NOFOLLOW", 0)


@dataclass(frozen=True, kw_only=True, slots=True)
class Place:
    """
    A folder that stays the same one, whatever happens to its name; closed by who opened it.

    The functions of ``os`` take ``path(entry)`` together with ``dir_fd=descriptor``.
    """

    folder: Path
    descriptor: int | None

    def path(self, entry: str) -> str:
        """Give what names an entry to the functions of ``os``."""
        return entry if self.descriptor is not None else str(self.folder / entry)

    def status(self, entry: str) -> os.stat_result:
        """Give the status of the entry itself, never of what a link points to."""
        return os.stat(self.path(entry), dir_fd=self.descriptor, follow_symlinks=False)

    def own_status(self) -> os.stat_result:
        """Give the status of the folder itself."""
        return self.folder.stat() if self.descriptor is None else os.fstat(self.descriptor)

    def entries(self) -> Iterator[str]:
        """Give the names in the folder as they are read, without holding them all."""
        with os.scandir(self.descriptor if self.descriptor is not None else self.folder) as entries:
            for entry in entries:
                yield entry.name

    def step(self, entry: str) -> "Place":
        """Open the plain folder of that name in this one; raises OSError, as for a symbolic link."""
        if self.descriptor is not None:
            deeper = os.open(entry, FOLDER_FLAGS, dir_fd=self.descriptor)
            return Place(folder=self.folder / entry, descriptor=deeper)
        path = self.folder / entry
        linked = path.is_symlink() or (hasattr(path, "is_junction") and path.is_junction())
        if linked or not stat.S_ISDIR(path.lstat().st_mode):
            raise NotADirectoryError(errno.ENOTDIR, os.strerror(errno.ENOTDIR), str(path))
        return Place(folder=path, descriptor=None)

    def close(self) -> None:
        """Give the descriptor back."""
        if self.descriptor is not None:
            os.close(self.descriptor)
