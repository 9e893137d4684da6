"""
What the last rotation left of each log, and why: ``logs.json`` in the state folder.

A log that was rotated as far as it could be is not due again before the next period, whatever stays in it.
Without the file, or with one that cannot be read, logs are due by their lines alone.
"""

import datetime as dt
import json
import os
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final

NAME: Final = "logs.json"
# A year covers every period, and the log of a shop that sleeps.
KEPT_SECONDS: Final = 366 * 86400.0
MOST_RUNS: Final = 240
# Longer than from one monthly run to the next.
LONG_SECONDS: Final = 40 * 86400.0


@dataclass(frozen=True, kw_only=True)
class Handled:
    """
    A log that was rotated as far as it could be, ``at`` seconds since 1970.

    ``left_bytes`` stayed in the file with that device and inode, because of ``why``.
    """

    at: float
    device: int
    inode: int
    left_bytes: int
    why: str

    def is_of(self, *, device: int, inode: int) -> bool:
        """Return whether it was this file."""
        return (self.device, self.inode) == (device, inode)


@dataclass(frozen=True, kw_only=True)
class LogRecords:
    """
    What was noted: ``handled`` by ``AREA/NAME``, and the moments at which rotations ran.

    Of each month the last moment is kept, in seconds since 1970. A clock that was set back is known by them.
    """

    handled: Mapping[str, Handled]
    runs: tuple[int, ...] = ()


def read_records(state: Path) -> LogRecords:
    """Return what was noted; nothing where it cannot be read."""
    try:
        values = json.loads((state / NAME).read_bytes())
        return LogRecords(
            handled={name: Handled(**value) for name, value in values["handled"].items()},
            runs=tuple(int(moment) for moment in values["runs"]),
        )
    except (OSError, ValueError, TypeError, AttributeError, KeyError):
        return LogRecords(handled={})


def note_handled(
    state: Path, *, handled: Mapping[str, Handled], now: float, trusted: Callable[[], bool] = lambda: True
) -> None:
    """
    Note what was handled beside what was noted before, and that a rotation ran ``now``.

    After a long time without a run, ``trusted`` is asked whether the clock is right: the run of a clock that
    is far ahead would make every later one seem to be behind. Raises OSError, as on a full disk; the notes
    are then as they were.
    """
    before = read_records(state)
    kept = {name: one for name, one in before.handled.items() if one.at >= now - KEPT_SECONDS}
    expected = any(run >= now - LONG_SECONDS for run in before.runs)
    new = [int(now)] if expected or trusted() else []
    text = json.dumps(
        {
            "handled": {name: asdict(one) for name, one in {**kept, **handled}.items()},
            "runs": last_of_months([*before.runs, *new])[-MOST_RUNS:],
        },
        indent=1,
    )
    state.mkdir(parents=True, exist_ok=True, mode=0o700)
    partial = state / f".{NAME}.{os.getpid()}.partial"
    try:
        partial.write_text(text, encoding="utf-8")
        partial.replace(state / NAME)
    except OSError:
        with suppress(OSError):
            partial.unlink()
        raise


def last_of_months(moments: Iterable[int]) -> list[int]:
    """Return the last moment of each month among the moments, the earliest first."""
    last = {}
    for moment in sorted(moments):
        day = dt.datetime.fromtimestamp(moment, tz=dt.UTC)
        last[day.year, day.month] = moment
    return list(last.values())
