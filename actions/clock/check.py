"""
Decide whether the clock can be trusted for judging age.

It can where it goes on from the last moment at which it was right: as much time has passed by the clock as
by the time since the machine's start, or no more than MOST by a machine that was started again since. Else
the witnesses are asked: some row or file of the shop must be younger than MOST, with no long hole in the
shop's life before it, and the clock of a database server on another host must agree. Where they do not,
nothing is removed by age until an operator has looked at the clock: ``storekeeper check-clock --is-right``.

A clock that jumps while a receiver watches it is in doubt whatever the witnesses say: what the shop wrote
since carries the wrong date.
"""

import datetime as dt
import logging
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from actions.clock.machine import MachineClock, Reading
from actions.clock.record import Record, RecordFile
from actions.clock.signs import Kind, Signs, Witnesses
from actions.clock.timeline import find_hole
from storekeeper.errors import ClockInDoubt
from storekeeper.units import format_length

logger = logging.getLogger(__name__)

# A daily run that comes a bit late is no doubt; a clock that is two days ahead is.
MOST_SECONDS: Final = 36 * 3600.0
# The record is written again after so long; it is read each time.
BEAT_SECONDS: Final = 60.0

RUN: Final = "a run"
RECEIVER: Final = "the receiver"

HINT: Final = (
    "Look at `date`. If it is wrong, set it right. If it is right (the shop was closed, the machine was off,"
    " this is the first run): storekeeper check-clock --is-right, then run this again"
)


@dataclass(frozen=True, kw_only=True)
class Verdict:
    """
    ``doubt`` says why the clock cannot be trusted, empty where it can.

    ``proven`` tells that the clock goes on from a moment at which it was right; else the witnesses only
    speak for it, and they may have been written by a wrong clock.
    """

    doubt: str = ""
    proven: bool = False


class ClockCheck:
    """
    The answer for one state folder; safe for several processes, and for the threads of one receiver.

    Each process remembers when the clock was last right while it runs, on the disk or not.
    """

    def __init__(self, state: Path, *, machine: MachineClock | None = None) -> None:
        self._machine = machine or MachineClock()
        self._file = RecordFile(state)
        self._last = self._machine.read()
        self._watches = self._watching = False

    def watch(self) -> None:
        """Watch the clock from now on, as a receiver does: a jump is then beyond any witness."""
        self._watches = True
        self._watching = self._file.watch()

    def unwatch(self) -> None:
        """End ``watch``."""
        self._watches = False
        if self._watching:
            self._file.unwatch()
            self._watching = False

    def look(self, witnesses: Callable[[float], Witnesses], *, keep: bool = True) -> Verdict:
        """
        Decide; ``witnesses`` is asked only where the clock does not go on from a right moment.

        Without ``keep`` nothing is written, as a dry run wishes.
        """
        reading = self._machine.read()
        record = self._file.read()
        if self._goes_on(reading, record, keep=keep):
            return Verdict(proven=True)
        if doubt := self._certain_doubt(reading, record):
            return Verdict(doubt=doubt)
        if doubt := judge(witnesses(reading.moment), reading=reading, record=record):
            return Verdict(doubt=doubt)
        if keep:
            self._keep(reading, by=RECEIVER if self._watching else RUN)
        return Verdict()

    def beat(self) -> bool:
        """Return whether the clock goes on from a right moment, and keep the present one if it does."""
        if self._watches and not self._watching:
            self._watching = self._file.watch()
        reading = self._machine.read()
        record = self._file.read()
        if self._goes_on(reading, record):
            return True
        # So that a new start of the receiver does not forget that it jumped.
        self._certain_doubt(reading, record)
        return False

    def confirm(self, *, who: str) -> Reading:
        """Take an operator's word that the clock is right now; return what it says."""
        reading = self._machine.read()
        self._keep(reading, by=who)
        return reading

    def record(self) -> Record | None:
        """Return the last right moment, None where none is known."""
        return self._file.read()

    def _goes_on(self, reading: Reading, record: Record | None, *, keep: bool = True) -> bool:
        if record is None or not goes_on(reading, record.reading):
            return False
        since = reading.uptime - record.reading.uptime
        if keep and (record.doubt or not reading.same_boot(record.reading) or since >= BEAT_SECONDS):
            self._keep(reading, by=RECEIVER if self._watching else RUN)
        self._last = reading
        return True

    def _certain_doubt(self, reading: Reading, record: Record | None) -> str:
        """Return why the clock is wrong, or was, whatever the shop's files and rows say."""
        jumped = reading.ahead_of(self._last)
        if jumped > MOST_SECONDS:
            doubt = (
                f"it went ahead by {format_length(jumped)} by itself while this process ran;"
                f" it now says {_date(reading.moment)}"
            )
            if record is not None and not record.doubt:
                self._file.write(replace(record, doubt=doubt))
            return doubt
        if record is None:
            return ""
        if record.doubt:
            return record.doubt
        gap = reading.moment - record.reading.moment
        if gap < -MOST_SECONDS:
            return (
                f"it says {_date(reading.moment)}, {format_length(-gap)} before the last moment at which it"
                f" was right, {_date(record.reading.moment)} by {record.by}"
            )
        ahead = reading.ahead_of(record.reading) if reading.same_boot(record.reading) else 0.0
        if ahead > MOST_SECONDS and record.watched and not self._watching and self._file.is_watched():
            return (
                f"it says {_date(reading.moment)}, {format_length(ahead)} ahead of the receiver,"
                " which is watching it"
            )
        return ""

    def _keep(self, reading: Reading, *, by: str) -> None:
        self._last = reading
        watched = self._watching or self._file.is_watched()
        self._file.write(Record(reading=reading, by=by, watched=watched))


def goes_on(reading: Reading, right: Reading) -> bool:
    """Return whether the clock goes on from a moment at which it was right."""
    if reading.same_boot(right) and abs(reading.ahead_of(right)) <= MOST_SECONDS:
        return True
    return abs(reading.moment - right.moment) <= MOST_SECONDS


def judge(witnesses: Witnesses, *, reading: Reading, record: Record | None) -> str:
    """Return what the witnesses have against the clock, ``""`` where they speak for it."""
    now = reading.moment
    for server in witnesses.servers:
        apart = server.ours - server.moment
        if abs(apart) > MOST_SECONDS:
            side = "ahead of" if apart > 0 else "behind"
            return (
                f"it says {_date(server.ours)}, {format_length(abs(apart))} {side} the clock of the server of"
                f" database {server.database}"
            )
    speaking = [one for one in witnesses.signs if one.kind in (Kind.ROW, Kind.FILE)] or list(witnesses.signs)
    ages = _ages(witnesses.signs, record=record, now=now)
    if not any(one.moments[0] >= now - MOST_SECONDS for one in speaking):
        return f"it says {_date(now)}, and is far ahead of every witness: {ages or 'there is none'}"
    hole = find_hole(
        (moment for one in witnesses.signs for moment in one.moments),
        now=now,
        known=record.reading.moment if record else None,
    )
    if hole is not None:
        begin, end = hole
        return (
            f"it says {_date(now)}, but for {format_length(end - begin)}, between {_date(begin)} and"
            f" {_date(end)}, nothing was written, and what came after may carry a wrong date: {ages}"
        )
    return ""


def in_doubt(action: str, doubt: str) -> ClockInDoubt:
    """Return the error for an action that would remove by age while the clock is in doubt."""
    return ClockInDoubt(f"{action} removes nothing: the clock may be wrong: {doubt}", hint=HINT)


def _ages(signs: tuple[Signs, ...], *, record: Record | None, now: float) -> str:
    """Say how far each kind of witness lies back, the newest of each kind."""
    newest: dict[Kind, Signs] = {}
    for one in signs:
        if one.kind not in newest or newest[one.kind].moments[0] < one.moments[0]:
            newest[one.kind] = one
    told = [f"{one.what} is {format_length(now - one.moments[0])} old" for one in newest.values()]
    if record is not None:
        told.append(
            f"it was last known to be right {format_length(now - record.reading.moment)} ago, by {record.by}"
        )
    return ", ".join(told)


def _date(moment: float) -> str:
    return f"{dt.datetime.fromtimestamp(moment).astimezone():%Y-%m-%d %H:%M}"
