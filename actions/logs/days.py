"""
The days of the oldest and the newest line of a log, as far as its lines tell them.

They decide when a log is due and what its archive is called, never what is kept or cut.
"""

import datetime as dt
import os
import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import IO, Final

# As much of either end as is looked at; lines without a date, such as tracebacks, are passed over.
_LOOK_BYTES: Final = 64 << 10
_LINE_BYTES: Final = 200

_MONTHS: Final = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
_DATE: Final = re.compile(
    rb"(?<!\d)(?:(?P<year>\d{4})-(?P<month>\d\d)-(?P<day>\d\d)(?!\d)"
    rb"|(?P<day2>\d\d)/(?P<name>[A-Z][a-z]{2})/(?P<year2>\d{4})(?!\d))"
)


@dataclass(frozen=True, kw_only=True)
class LogDays:
    """``oldest`` is None where no line near the beginning has a date; ``newest`` is then the file's own."""

    oldest: dt.date | None
    newest: dt.date


def read_days(file: IO[bytes], *, zone: dt.tzinfo | None) -> LogDays:
    """Read both ends of an open log; the time of its last change stands in where no line tells."""
    status = os.fstat(file.fileno())
    changed = dt.datetime.fromtimestamp(status.st_mtime, tz=zone).date()
    file.seek(0)
    head = file.read(_LOOK_BYTES)
    file.seek(max(0, status.st_size - _LOOK_BYTES))
    tail = file.read(_LOOK_BYTES)
    newest = min(_first_day(reversed(tail.split(b"\n"))) or changed, changed)
    oldest = _first_day(head.split(b"\n"))
    return LogDays(oldest=min(oldest, newest) if oldest else None, newest=newest)


def _first_day(lines: Iterable[bytes]) -> dt.date | None:
    for line in lines:
        match = _DATE.search(line[:_LINE_BYTES])
        if match is None:
            continue
        try:
            if match["year"]:
                return dt.date(int(match["year"]), int(match["month"]), int(match["day"]))
            month = _MONTHS.index(match["name"].decode()) + 1
            return dt.date(int(match["year2"]), month, int(match["day2"]))
        except ValueError:
            continue
    return None
