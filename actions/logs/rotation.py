"""Rotate the logs of one folder, each in the way that fits its handler and this system."""

import datetime as dt
import os
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import IO, Final

from actions.logs.archive import FULL, no_room, room_bytes
from actions.logs.cut import LEFT_BYTES, Piece, swap_out
from actions.logs.folder import LogFolder
from actions.logs.plan import PlannedLog, Way
from actions.logs.system import collapse_unit, is_held, writers_elsewhere_than_the_end
from storekeeper.units import format_size

# Where nobody can tell who has a renamed log open: nobody wrote to it for so long.
_SURELY_FREE: Final = dt.timedelta(days=1)
_POLL_SECONDS: Final = 0.05


@dataclass(frozen=True, kw_only=True)
class Hooks:
    """What a rotation tells on its way: bytes packed, steps done; how long it waits, how it asks for room."""

    packed: Callable[[int], None] = lambda _: None
    stage: Callable[[str], None] = lambda _: None
    now: Callable[[], dt.datetime] = lambda: dt.datetime.now(tz=dt.UTC)
    patience_seconds: float = 3.0
    room_bytes: Callable[[LogFolder, str], int] = room_bytes


@dataclass(kw_only=True)
class Rotated:
    """What happened to one log; ``note`` is for a person, ``may_have_lost`` says that lines may be gone."""

    cut_bytes: int = 0
    archive_growth: int = 0
    way: str = ""
    note: str = ""
    may_have_lost: bool = False
    archives: list[str] = field(default_factory=list)


class FolderRotation:
    """Rotates the logs of an open folder; raises NotEnoughSpace where nothing at all can be written."""

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

    def rotate(self, log: PlannedLog) -> Rotated:
        """Archive what the log holds now; an error leaves the log whole."""
        done = Rotated(way=str(log.way))
        before = self._size(log.archive)
        try:
            self._rotate(log, done)
        except FileNotFoundError:
            done.note = "it is gone"
        done.archive_growth = self._size(log.archive) - before
        if done.cut_bytes:
            done.archives.append(log.archive)
        return done

    def _rotate(self, log: PlannedLog, done: Rotated) -> None:
        if log.log in self._waiting:
            done.note = "an older part of it must be archived first"
        elif log.way is Way.WAITING:
            self._finish_aside(log, log.name, done)
        elif log.way is Way.IN_PLACE:
            self._cut_in_place(log, done)
        else:
            aside = swap_out(self._folder, log.name, must_stay=log.way is Way.HANDLER_FILE)
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
            changed = dt.datetime.fromtimestamp(os.fstat(file.fileno()).st_mtime, tz=dt.UTC)
            surely_free = self._hooks.now() - changed > _SURELY_FREE
            if not (self._free_in_time(file) or surely_free):
                self._waiting.add(log.log)
                done.note = "a process has its old file open; the next run archives it"
                return
            size = os.fstat(file.fileno()).st_size
            if size == 0:
                self._folder.remove(aside)
                return
            if size > self._hooks.room_bytes(self._folder, log.archive):
                raise no_room(self._folder, log=log.name, needed_bytes=size)
            if self._piece(log, file, name=aside, length=size).remove(surely_free=surely_free):
                done.cut_bytes += size
            else:
                self._waiting.add(log.log)
                done.note = "a process wrote to its old file; the next run archives it"

    def _free_in_time(self, file: IO[bytes]) -> bool:
        end = time.monotonic() + self._hooks.patience_seconds
        while is_held(file):
            if time.monotonic() >= end:
                return False
            time.sleep(_POLL_SECONDS)
        return True

    def _cut_in_place(self, log: PlannedLog, done: Rotated) -> None:
        with self._folder.open(log.name, write=True) as file:
            elsewhere = writers_elsewhere_than_the_end(file)
            if elsewhere:
                done.note = f"left alone: process {elsewhere[0]} has it open without appending (mode 'w'?)"
                return
            goal = os.fstat(file.fileno()).st_size
            while goal - done.cut_bytes > 0 and self._cut_once(log, file, done, goal=goal):
                pass

    def _cut_once(self, log: PlannedLog, file: IO[bytes], done: Rotated, *, goal: int) -> bool:
        """Move one piece to the archive; False when this log is done for today."""
        size = os.fstat(file.fileno()).st_size
        room = self._hooks.room_bytes(self._folder, log.archive)
        if size <= room and not is_held(file) and self._whole(log, file, done, size=size):
            return False
        if self._unit:
            # On a full disk a small piece makes room for the next one.
            length = min(goal - done.cut_bytes, room, size - LEFT_BYTES) // self._unit * self._unit
            if length <= 0 and room < self._unit:
                raise no_room(self._folder, log=log.name, needed_bytes=self._unit)
            done.way = "collapse"
            if length <= 0 or not self._piece(log, file, name=log.name, length=length).collapse():
                if not done.cut_bytes:
                    done.note = (
                        f"less than a block ({format_size(size)}) stays in it while it is being written"
                    )
                return False
            done.cut_bytes += length
            return True
        if log.rotating_handler:
            done.note = "left to its handler, which is using it"
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
            archive=log.archive,
            report=self._hooks.packed,
            stage=self._hooks.stage,
        )

    def _size(self, name: str) -> int:
        status = self._folder.status(name)
        return status.st_size if status else 0
