"""
One configured root and the files below it.

Every step from the root to a file goes through directory descriptors without following a symbolic
link, so nobody who swaps a folder for a link in between can lead us elsewhere. Where the system has no
such descriptors (Windows), each folder on the way is checked before it is used.
"""

import errno
import os
import stat
from collections.abc import Callable, Collection, Iterable, Iterator
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import IO, Final

from storekeeper.errors import UnsafePath
from storekeeper.files import taking
from storekeeper.files.found import FoundFile, found_file
from storekeeper.files.place import Place
from storekeeper.files.reasons import ANOTHER_FILESYSTEM, LINK, NOT_REGULAR, ONE_FILES_FAULT, reason_of
from storekeeper.files.root import NOT_A_FOLDER, Root
from storekeeper.files.writing import write_new

OWN_PREFIX: Final = ".storekeeper-"
"""How our own folders begin; they are never part of a walk."""

TRASH: Final = f"{OWN_PREFIX}trash"

_FILE_FLAGS: Final = os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_BINARY", 0)
# Why a root may have no room for a private folder: it is full, or is not ours to write.
_NO_TRASH: Final = (errno.ENOSPC, errno.EDQUOT, errno.EACCES, errno.EPERM, errno.EROFS)


class Tree(Root):
    """The files below an open root; that may be a link of the user's, below it none is followed."""

    def __init__(self, root: Path) -> None:
        """Open ``root``; raises UnsafePath when it is not a folder."""
        super().__init__(root)
        self._trash: Place | None = None
        self.refused: dict[str, OSError] = {}

    def __exit__(
        self,
        error_type: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if self._trash is not None:
            self._trash.close()
            # What could not be put back stays, and with it the folder.
            with suppress(OSError):
                os.rmdir(self._here.path(TRASH), dir_fd=self._descriptor)
            self._trash = None
        super().__exit__(error_type, error, traceback)

    def names(self) -> list[str]:
        """Give the names of all that lies in the root itself, of whatever sort."""
        return list(self._here.entries())

    def look(self, name: str) -> FoundFile | None:
        """Give the regular file of that name, None where nothing is; raises UnsafePath for all else."""
        try:
            with self._folder_of(name) as (folder, last):
                found = found_file(name, folder.status(last))
        except FileNotFoundError:
            return None
        if found is None:
            raise UnsafePath(f"{name!r} is not a regular file")
        return found

    def find(self, name: str) -> FoundFile | None:
        """Give the regular file of that name, None where there is none or something else."""
        with suppress(UnsafePath):
            return self.look(name)
        return None

    def walk(
        self,
        below: str = "",
        *,
        without: Collection[str] = (),
        passed_over: Callable[[str, str], None] = lambda name, why: None,
        entered: Callable[[str, os.stat_result], None] = lambda name, status: None,
    ) -> Iterator[FoundFile]:
        """
        Give the regular files below the folder ``below``, on the root's own filesystem.

        The folders named in ``without`` are not entered, nor those that are ours. Links, files and folders
        that vanish or cannot be read during the walk, and all else that is no regular file, are told to
        ``passed_over`` with the reason. ``entered`` hears of each folder, also of ``below``, before its files
        are given. However deep the tree, two descriptors are open.
        """
        current: tuple[str, Place] | None = None
        waiting = [below]
        try:
            while waiting:
                name = waiting.pop()
                if name in without:
                    continue
                try:
                    folder = self._next_folder(name, current)
                except (OSError, UnsafePath) as error:
                    passed_over(name, reason_of(error))
                    continue
                if current is not None:
                    current[1].close()
                current = name, folder
                try:
                    entered(name, folder.own_status())
                    yield from self._files_in(name, folder, waiting, passed_over)
                except OSError as error:
                    passed_over(name, reason_of(error))
        finally:
            if current is not None:
                current[1].close()

    def open(self, name: str) -> IO[bytes]:
        """Open a regular file for reading; raises UnsafePath for anything else, FileNotFoundError."""
        with self._folder_of(name) as (folder, last):
            try:
                descriptor = os.open(
                    folder.path(last), _FILE_FLAGS | getattr(os, "O_NONBLOCK", 0), dir_fd=folder.descriptor
                )
            except OSError as error:
                if error.errno in NOT_A_FOLDER:
                    raise UnsafePath(f"{name!r} is a symbolic link") from None
                raise
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            os.close(descriptor)
            raise UnsafePath(f"{name!r} is not a regular file")
        return os.fdopen(descriptor, "rb")

    def write_beside(self, file: FoundFile, *, last: str, content: bytes | IO[bytes]) -> FoundFile:
        """
        Write a new file named ``last`` into the folder of ``file``, with its owner, group and mode.

        Durable when it is given back. Raises FileExistsError where the name is taken, UnsafePath, and the
        OSError of a disk that is full or not ours to write; no new file is there then.
        """
        with self._folder_of(file.name) as (folder, old_last):
            self._check_last(last, last)
            if os.path.basename(last) != last:  # noqa: PTH119 - the system's own idea of a separator
                raise UnsafePath(f"{last!r} is not a name in a folder")
            name = file.name[: len(file.name) - len(old_last)] + last
            return write_new(folder, last, name=name, content=content, like=folder.status(old_last))

    def remove(self, file: FoundFile) -> bool:
        """
        Remove the file if it is still the one that was found, unchanged.

        Gives True when it is gone (also when somebody else removed it), False when another file stands
        in its place, which is left alone. Raises UnsafePath when the way to it is no longer plain.
        """
        ((_, removed),) = self.remove_all([file])
        if file.name in self.refused:
            raise self.refused.pop(file.name)
        if removed is None:
            raise UnsafePath(f"{file.name!r}: the way to it is no longer plain")
        return removed

    def remove_all(self, files: Iterable[FoundFile]) -> Iterator[tuple[FoundFile, bool | None]]:
        """
        Remove each file that is still the one that was found; quickest when sorted by folder.

        Gives each file with True when it is gone, False when another stands in its place, None when the
        way to it is no longer plain or the system refuses; ``refused`` then says why, by the file's name. A
        file is first moved into a private folder, known again there, and only then removed, so that nobody
        can swap it between the look and the removal; what turns out to be another goes back (``taking.py``).
        """
        current: tuple[str, Place] | None = None
        try:
            for file in files:
                parent, _, last = file.name.rpartition("/")
                if current is None or current[0] != parent:
                    if current is not None:
                        current[1].close()
                    current = None
                    try:
                        self._check_last(file.name, last)
                        current = parent, self._place(parent)
                    except (OSError, UnsafePath) as error:
                        yield file, self._outcome_of(file, error)
                        continue
                yield file, self._remove_one(file, folder=current[1], last=last)
        finally:
            if current is not None:
                current[1].close()

    def _remove_one(self, file: FoundFile, *, folder: Place, last: str) -> bool | None:
        trash = self._open_trash()
        try:
            if trash is None:
                return taking.remove_in_place(file, folder=folder, last=last)
            return taking.remove_by_way_of(trash, file, folder=folder, last=last)
        except OSError as error:
            return self._outcome_of(file, error)

    def _outcome_of(self, file: FoundFile, error: OSError | UnsafePath) -> bool | None:
        """Return what an error makes of one removal; one that is no fault of this file alone is raised."""
        if isinstance(error, OSError):
            if isinstance(error, FileNotFoundError):
                return True
            if error.errno not in ONE_FILES_FAULT:
                raise error
            self.refused[file.name] = error
        return None

    def finish_removals(self) -> None:
        """Remove what a killed run had taken to remove, and when all is done the folder that it lay in."""
        with suppress(FileNotFoundError):
            self._here.status(TRASH)
            self._open_trash()

    def set_aside(self, file: FoundFile, *, into: "Tree", name: str) -> bool:
        """
        Give the file the name ``name`` below ``into``, a tree on the same filesystem that is ours alone.

        Folders are made there. Gives False when the file is no longer the one that was found, which then
        stays. Raises FileExistsError where the name is taken.
        """
        into.make_folders(name.rpartition("/")[0])
        with self._folder_of(file.name) as (folder, last), into._folder_of(name) as (target, new_last):
            with suppress(FileNotFoundError):
                target.status(new_last)
                raise FileExistsError(f"{into.root / name} exists already")
            return taking.take(file, folder=folder, last=last, into=target, as_name=new_last)

    def bring_back(self, name: str, *, to: "Tree") -> bool:
        """
        Give the file ``name`` of this tree, which is ours alone, the same name below ``to``.

        Folders are made there. Gives False, and changes nothing, where the name is taken.
        """
        to.make_folders(name.rpartition("/")[0], mode=0o755)
        with self._folder_of(name) as (folder, last), to._folder_of(name) as (target, new_last):
            return taking.put_back(last, folder=folder, into=target, as_name=new_last)

    def make_folders(self, name: str, *, mode: int = 0o700) -> None:
        """Make the folder ``name`` and those above it, where they are missing."""
        parts = name.split("/") if name else []
        for index, part in enumerate(parts):
            self._check_last(name, part)
            with self._folder("/".join(parts[:index])) as folder, suppress(FileExistsError):
                os.mkdir(folder.path(part), mode, dir_fd=folder.descriptor)

    def remove_empty_folders(self, below: str) -> None:
        """Remove the folder ``below`` and those in it that hold no file."""
        folders = [below]
        for name in folders:
            with suppress(OSError, UnsafePath), self._folder(name) as folder:
                folders += [
                    f"{name}/{entry}"
                    for entry in folder.entries()
                    if stat.S_ISDIR(folder.status(entry).st_mode)
                ]
        for name in reversed(folders):
            with suppress(OSError, UnsafePath), self._folder_of(name) as (folder, last):
                os.rmdir(folder.path(last), dir_fd=folder.descriptor)

    def _files_in(
        self, name: str, folder: Place, waiting: list[str], passed_over: Callable[[str, str], None]
    ) -> Iterator[FoundFile]:
        for entry in folder.entries():
            path = f"{name}/{entry}" if name else entry
            try:
                status = folder.status(entry)
            except OSError as error:
                passed_over(path, reason_of(error))
                continue
            if stat.S_ISDIR(status.st_mode):
                if status.st_dev != self.device:
                    passed_over(path, ANOTHER_FILESYSTEM)
                elif not entry.startswith(OWN_PREFIX):
                    waiting.append(path)
            elif found := found_file(path, status):
                yield found
            else:
                passed_over(path, LINK if stat.S_ISLNK(status.st_mode) else NOT_REGULAR)

    def _next_folder(self, name: str, current: tuple[str, Place] | None) -> Place:
        """Open a folder from the one that is open when it lies right in it, else from the root."""
        if current is not None and name.rpartition("/")[0] == current[0]:
            return self._step(current[1], name.rpartition("/")[2])
        return self._place(name)

    def _open_trash(self) -> Place | None:
        """Give our private folder on this filesystem, None where the root takes none."""
        while self._trash is None:
            try:
                with suppress(FileExistsError):
                    os.mkdir(self._here.path(TRASH), 0o700, dir_fd=self._descriptor)
                # Another process of ours may have been done with the folder just now, and removed it.
                with suppress(FileNotFoundError):
                    self._trash = self._place(TRASH)
            except OSError as error:
                # Also where a killed run of another user has left one that is closed to us.
                if error.errno in _NO_TRASH:
                    return None
                raise
            if self._trash is not None:
                # What cannot be read there may stay.
                with suppress(OSError):
                    taking.empty_trash(self._trash)
        return self._trash
