"""
Open directories below a root by their relative path, whatever its length, never through a symbolic link.

Every step is an ``openat`` from the directory above with ``O_NOFOLLOW``, so a directory that somebody
replaces by a link between two looks is not followed, and no path reaches the system's length limit. The
last few opened directories stay open, because a walk asks for neighbours.
"""

import os
from collections import OrderedDict
from pathlib import Path

# Descriptors kept open at once by one walk.
KEPT_OPEN = 32
OPEN_DIRECTORY = os.O_RDONLY | getattr(os, "O_DIRECTORY", 0) | getattr(os, "O_CLOEXEC", 0)
OPEN_BELOW = OPEN_DIRECTORY | getattr(os, "O_NOFOLLOW", 0)


class DirectoryOpener:
    """Directories below one root as descriptors; closes them all at the end of the ``with`` block."""

    def __init__(self, root: Path) -> None:
        # The root itself may be a link: the shop's owner named it.
        self.root = os.open(root, OPEN_DIRECTORY)
        self._open: OrderedDict[str, int] = OrderedDict()

    def __enter__(self) -> "DirectoryOpener":
        return self

    def __exit__(self, *_exception: object) -> None:
        self.close()

    def close(self) -> None:
        """Close every descriptor; may be called again."""
        while self._open:
            os.close(self._open.popitem()[1])
        if self.root >= 0:
            os.close(self.root)
            self.root = -1

    def descriptor(self, path: str) -> int:
        """
        Give a descriptor of the directory at ``path`` (relative, ``""`` for the root).

        It stays ours: it is good until the next call. Raises OSError when a step is missing, closed to us, or
        no directory.
        """
        if not path:
            return self.root
        start, missing = path, []
        while start and start not in self._open:
            start, _, name = start.rpartition("/")
            missing.append(name)
        if start:
            self._open.move_to_end(start)
        descriptor = self._open[start] if start else self.root
        while missing:
            name = missing.pop()
            descriptor = os.open(name, OPEN_BELOW, dir_fd=descriptor)
            start = f"{start}/{name}" if start else name
            self._open[start] = descriptor
            if len(self._open) > KEPT_OPEN:
                os.close(self._open.popitem(last=False)[1])
        return descriptor
