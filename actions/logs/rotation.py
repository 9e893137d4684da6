"""Rotate the logs of one folder, each in the way that fits its handler and this system."""

import datetime as dt
import os
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import IO, Final

from actions.logs.archive import FULL, marks_of_ours, no_room, room_bytes
from actions.logs.cut import LEFT_BYTES, Piece, put_aside, swap_out
from actions.logs.folder import LogFolder
from actions.logs.holders import find_holders
from actions.logs.member import Mark
from actions.logs.plan import PlannedLog, Way
from actions.logs.system import Holding, collapse_unit, holding, is_held
from storekeeper.errors import BackupRefused
from storekeeper.units import format_size

# Where the system does not tell who has a renamed log open: nobody wrote to it for so long.
_PRESUMED_FREE: Final = dt.timedelta(days=7)
_POLL_SECONDS: Final = 0.05
_MOST_PARTS: Final = 1000
_CHANGED: Final = "something else has changed it meanwhile; the next run looks again"


@dataclass(frozen=True, kw_only=True)
class Hooks:
    """
    What a rotation works with, and what hears of it.

    ``shop`` and ``later`` go into the marks of archives; ``packed`` hears of bytes packed, ``stage`` of steps
    done; ``patience_seconds`` is how long a renamed log is waited for, ``room_bytes`` asks for free space.
    """

    shop: str = ""
    later: tuple[int, ...] = ()
    packed: Callable[[int], None] = lambda _: None
    stage: Callable[[str], None] = lambda _: None
    now: Callable[[], dt.datetime] = lambda: dt.datetime.now(tz=dt.UTC)
    patience_seconds: float = 3.0
    room_bytes: Callable[[LogFolder, str], int] = room_bytes


@dataclass(kw_only=True)
class Rotated:
    """
    What happened to one log.

    ``note`` is for a person; ``left_bytes`` is what stayed in the file ``device`` and ``inode``, -1 where no
    more can be said of it; ``may_have_lost`` says that lines may be gone.
    """

    cut_bytes: int = 0
    archive_growth: int = 0
    way: str = ""
    note: str = ""
    left_bytes: int = -1
    device: int = 0
    inode: int = 0
    may_have_lost: bool = False
    archives: list[str] = field(default_factory=list)


class FolderRotation:
    """
    Rotates the logs of an open folder.

    Raises AlreadyRunning where another shop's rotation is at work in it, NotEnoughSpace where nothing at all
    can be written.
    """

    def __init__(self, folder: LogFolder, *, hooks: Hooks) -> None:
        self._folder = folder
        self._hooks = hooks
        try:
            self._unit = collapse_unit(folder)
        except OSError as error:
            if error.errno in FULL:
                raise no_room(folder, log="*.log", needed_bytes=0) from None
            raise
        self._waiting: set[str] = set()
        self._archive = ""

    def rotate(self, log: PlannedLog) -> Rotated:
        """Archive what the log holds now; an error leaves the log whole."""
        done = Rotated(way=str(log.way))
        self._archive = self._archive_of(log)
        before = self._size(self._archive)
        try:
            self._rotate(log, done)
        except FileNotFoundError:
            done.note = "it is gone"
        done.archive_growth = self._size(self._archive) - before
        if done.cut_bytes:
            done.archives.append(self._archive)
        return done

    def _archive_of(self, log: PlannedLog) -> str:
        """Return the archive to add to: the first name that is free, or that storekeeper gave."""
        for part in range(1, _MOST_PARTS):
            name = log.archive(part)
            status = self._folder.status(name)
            if status is None:
                return name
            with self._folder.open(name) as stream:
                mark = self._mark(log, archive=name)
                if marks_of_ours(stream, size_bytes=status.st_size, shop=mark.shop, archive=mark.archive):
                    return name
        raise BackupRefused(
            f"{log.path}: {_MOST_PARTS} files that storekeeper did not make have the names of its archives"
        )

    def _mark(self, log: PlannedLog, *, archive: str) -> Mark:
        return Mark(
            shop=self._hooks.shop,
            archive="/".join(part for part in (log.area, log.folder, archive) if part),
            later=self._hooks.later,
        )

    def _rotate(self, log: PlannedLog, done: Rotated) -> None:
        if log.log in self._waiting:
            done.note = "an older part of it must be archived first"
        elif log.way is Way.WAITING:
            self._finish_aside(log, log.name, done)
        elif log.way is Way.IN_PLACE or (log.way is Way.RENAME and self._unit):
            # A second writer keeps the file that it has opened, so it is renamed only where it must be.
            self._cut_in_place(log, done)
        elif log.way is Way.RENAME:
            self._rename(log, swap_out(self._folder, log.name), done)
        else:
            self._rename(log, put_aside(self._folder, log.name), done)

    def _rename(self, log: PlannedLog, aside: str | None, done: Rotated) -> None:
        self._hooks.stage("aside")
        if aside is not None:
            self._finish_aside(log, aside, done)
        elif log.way is Way.RENAME:
            self._cut_in_place(log, done)
        else:
            done.note = "only its handler can move it safely on this system"

    def _finish_aside(self, log: PlannedLog, aside: str, done: Rotated) -> None:
        """Archive a renamed log as soon as no process has it open; else the next run does."""
        with self._folder.open(aside, write=True) as file:
            free = self._free_in_time(file)
            presumed = free is Holding.UNKNOWN and self._presumed_free(file)
            if free is not Holding.FREE and not presumed:
                self._waiting.add(log.log)
                done.note = f"its old file stays: {_who_holds(file)}; the next run after that archives it"
                return
            size = os.fstat(file.fileno()).st_size
            if size > self._hooks.room_bytes(self._folder, self._archive):
                raise no_room(self._folder, log=log.name, needed_bytes=size)
            piece = self._piece(log, file, name=aside, length=size)
            if (piece.remove if size else piece.drop)(presumed_free=presumed):
                done.cut_bytes += size
            else:
                self._waiting.add(log.log)
                done.note = "a process wrote to its old file; the next run archives it"

    def _free_in_time(self, file: IO[bytes]) -> Holding:
        end = time.monotonic() + self._hooks.patience_seconds
        while (found := holding(file)) is Holding.HELD and time.monotonic() < end:
            time.sleep(_POLL_SECONDS)
        return found

    def _presumed_free(self, file: IO[bytes]) -> bool:
        """Return whether an open file may be taken for free where the system tells nothing of it."""
        if sys.platform == "linux":
            # There somebody can tell: the owner of the file, and root.
            return False
        changed = dt.datetime.fromtimestamp(os.fstat(file.fileno()).st_mtime, tz=dt.UTC)
        return self._hooks.now() - changed > _PRESUMED_FREE

    def _cut_in_place(self, log: PlannedLog, done: Rotated) -> None:
        with self._folder.open(log.name, write=True) as file:
            elsewhere = next((one for one in find_holders(file)[0] if one.elsewhere), None)
            if elsewhere:
                done.note = f"left alone: {elsewhere} has it open without appending (mode 'w'?)"
            else:
                goal = os.fstat(file.fileno()).st_size
                while goal - done.cut_bytes > 0 and self._cut_once(log, file, done, goal=goal):
                    pass
            status = os.fstat(file.fileno())
            if done.note != _CHANGED:
                done.left_bytes, done.device, done.inode = status.st_size, status.st_dev, status.st_ino

    def _cut_once(self, log: PlannedLog, file: IO[bytes], done: Rotated, *, goal: int) -> bool:
        """Move one piece to the archive; False when this log is done for today."""
        size = os.fstat(file.fileno()).st_size
        room = self._hooks.room_bytes(self._folder, self._archive)
        if size <= room and not is_held(file) and self._whole(log, file, done, size=size):
            return False
        if self._unit:
            # On a full disk a small piece makes room for the next one.
            length = min(goal - done.cut_bytes, room, size - LEFT_BYTES) // self._unit * self._unit
            if length <= 0 and room < self._unit:
                raise no_room(self._folder, log=log.name, needed_bytes=self._unit)
            done.way = "collapse"
            if length <= 0:
                if not done.cut_bytes:
                    done.note = (
                        f"{format_size(size)} stay in it: {_who_holds(file)}, and less than a block"
                        " cannot be cut then; they go when it is closed or has grown"
                    )
                return False
            if not self._piece(log, file, name=log.name, length=length).collapse():
                done.note = _CHANGED
                return False
            done.cut_bytes += length
            return True
        if log.rotating_handler:
            done.note = "left to its handler, which is using it: this filesystem cannot cut it exactly"
            return False
        if size > room:
            raise no_room(self._folder, log=log.name, needed_bytes=size)
        done.way = "copy and truncate"
        if self._piece(log, file, name=log.name, length=size).copy_and_truncate():
            done.cut_bytes += size
            done.may_have_lost = True
            done.note = "this system can cut no log exactly: lines written in that moment may be lost"
        return False

    def _whole(self, log: PlannedLog, file: IO[bytes], done: Rotated, *, size: int) -> bool:
        if not self._piece(log, file, name=log.name, length=size).empty():
            return False
        done.way = "whole"
        done.cut_bytes += size
        return True

    def _piece(self, log: PlannedLog, file: IO[bytes], *, name: str, length: int) -> Piece:
        return Piece(
            folder=self._folder,
            log=name,
            file=file,
            length=length,
            archive=self._archive,
            mark=self._mark(log, archive=self._archive),
            report=self._hooks.packed,
            stage=self._hooks.stage,
        )

    def _size(self, name: str) -> int:
        status = self._folder.status(name)
        return status.st_size if status else 0


def _who_holds(file: IO[bytes]) -> str:
    found, _ = find_holders(file)
    if found:
        return f"{found[0]} has it open"
    if holding(file) is Holding.UNKNOWN:
        return "it is not known whether a process has it open (run storekeeper as the user whose file it is)"
    return "a process has it open"
