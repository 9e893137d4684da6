"""
One configured root, and the way to each folder below it.

Every step goes through a directory descriptor without following a symbolic link, so nobody who swaps a
folder for a link in between can lead us elsewhere. Where the system has no such descriptors (Windows), each
folder on the way is checked before it is used.
"""

import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import Final, Self

from storekeeper.errors import UnsafePath
from storekeeper.files.place import BY_DESCRIPTOR, FOLDER_FLAGS, Place

# What the system says when a folder on the way is not (or no longer) a plain folder.
NOT_A_FOLDER: Final = (errno.ELOOP, errno.ENOTDIR)


class Root:
    """An open root: ``root`` is its real path, ``device`` its filesystem."""

    def __init__(self, root: Path) -> None:
        """Open ``root``; raises UnsafePath when it is not a folder."""
        self.root = Path(os.path.realpath(root))
        try:
            self._descriptor = os.open(self.root, FOLDER_FLAGS) if BY_DESCRIPTOR else None
            status = self.root.stat() if self._descriptor is None else os.fstat(self._descriptor)
        except OSError as error:
            raise UnsafePath(f"{root} cannot be opened as a folder: {error.strerror}") from None
        self.device = status.st_dev
        self.identity = (status.st_dev, status.st_ino)
        """What tells this folder from every other, whatever its name."""
        self._here = Place(folder=self.root, descriptor=self._descriptor)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        error_type: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None

    @contextmanager
    def _folder_of(self, name: str) -> Iterator[tuple[Place, str]]:
        """Open the folder that holds ``name``; give it and the last part of the name."""
        parent, _, last = name.rpartition("/")
        self._check_last(name, last)
        with self._folder(parent) as folder:
            yield folder, last

    @contextmanager
    def _folder(self, name: str) -> Iterator[Place]:
        place = self._place(name)
        try:
            yield place
        finally:
            place.close()

    def _check_last(self, name: str, last: str) -> None:
        if not last or last in (".", "..") or "\0" in last:
            raise UnsafePath(f"{name!r} is not the name of a file below {self.root}")

    def _place(self, name: str) -> Place:
        """Open a folder below the root, one plain folder after the other."""
        parts = name.split("/") if name else []
        if any(part in ("", ".", "..") or "\0" in part for part in parts):
            raise UnsafePath(f"{name!r} does not stay below {self.root}")
        place = Place(
            folder=self.root,
            descriptor=os.dup(self._descriptor) if self._descriptor is not None else None,
        )
        for part in parts:
            try:
                deeper = self._step(place, part)
            finally:
                place.close()
            place = deeper
        return place

    def _step(self, place: Place, part: str) -> Place:
        try:
            return place.step(part)
        except OSError as error:
            if error.errno in NOT_A_FOLDER:
                raise UnsafePath(f"{part!r} is not a plain folder below {self.root}") from None
            raise
