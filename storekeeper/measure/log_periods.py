"""
Calendar periods of log archives, and the names made of them.

``django.log`` of November 2025 becomes ``django_2025_11.log.gz``; with weekly rotation
``django_2025_W48.log.gz`` (ISO weeks), with daily rotation ``django_2025_11_30.log.gz``. ``access_log``
becomes ``access_log_2025_11.gz``. Where a file that storekeeper did not make has that name, the next is
``django_2025_11.part2.log.gz``.
"""

import datetime as dt
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Literal

from storekeeper.units import Age

Kind = Literal["monthly", "weekly", "daily"]

LOG_SUFFIX: Final = ".log"
PACKED_SUFFIX: Final = ".gz"

# What is no further ahead than this is of now: clocks of machines that share a disk differ a little.
AHEAD: Final = dt.timedelta(hours=1)

_PERIOD: Final = r"(?P<year>\d{4})_(?:W(?P<week>\d\d)|(?P<month>\d\d)(?:_(?P<day>\d\d))?)"
_STEM: Final = re.compile(rf"(?P<stem>.+)_{_PERIOD}(?:\.part(?P<part>\d{{1,4}}))?", re.DOTALL | re.ASCII)


@dataclass(frozen=True, kw_only=True)
class Period:
    """A month, an ISO week or a day: its first day, and the day after its last."""

    kind: Kind
    start: dt.date

    @classmethod
    def of(cls, day: dt.date, *, kind: Kind) -> "Period":
        """Return the period that ``day`` lies in."""
        if kind == "monthly":
            return cls(kind=kind, start=day.replace(day=1))
        if kind == "weekly":
            return cls(kind=kind, start=day - dt.timedelta(days=day.weekday()))
        return cls(kind=kind, start=day)

    @property
    def end(self) -> dt.date:
        """Return the first day that no longer belongs to it."""
        if self.kind == "monthly":
            return (self.start + dt.timedelta(days=31)).replace(day=1)
        return self.start + dt.timedelta(days=7 if self.kind == "weekly" else 1)

    @property
    def previous(self) -> "Period":
        """Return the period right before it."""
        return Period.of(self.start - dt.timedelta(days=1), kind=self.kind)

    def __str__(self) -> str:
        if self.kind == "weekly":
            year, week, _ = self.start.isocalendar()
            return f"{year:04}_W{week:02}"
        text = f"{self.start.year:04}_{self.start.month:02}"
        return text if self.kind == "monthly" else f"{text}_{self.start.day:02}"


def archive_name(log_name: str, *, period: Period, part: int = 1) -> str:
    """Return the name of a log's archive."""
    suffix = LOG_SUFFIX if log_name.endswith(LOG_SUFFIX) else ""
    parts = f".part{part}" if part > 1 else ""
    return f"{log_name.removesuffix(LOG_SUFFIX)}_{period}{parts}{suffix}{PACKED_SUFFIX}"


def parse_archive_name(name: str) -> tuple[str, Period] | None:
    """Return the log and the period that an archive's name tells, None where it is no such name."""
    return _split(name.removesuffix(PACKED_SUFFIX)) if name.endswith(PACKED_SUFFIX) else None


def parse_dated_log_name(name: str) -> tuple[str, Period] | None:
    """Return the same for ``django_2025_11.log``, which somebody put away by hand and did not compress."""
    return _split(name) if name.endswith(LOG_SUFFIX) else None


def choose_period(*, oldest: dt.date | None, newest: dt.date, kind: Kind) -> Period:
    """
    Return the period that a piece of a log is filed under, by the days of its oldest and newest line.

    It is the period of the newest line. Only where all lines are of that period and the one before it is that
    of the middle, so that a rotation shortly after midnight of the first is filed under the month that is
    over. The name says where to look for a line; how long the archive stays is never decided by it alone
    (``is_expired``).
    """
    last = Period.of(newest, kind=kind)
    if oldest is None or not last.previous.start <= oldest <= newest:
        return last
    return Period.of(oldest + (newest - oldest) / 2, kind=kind)


def is_expired(
    period: Period,
    *,
    written: dt.datetime,
    later: Sequence[dt.datetime] = (),
    runs: Sequence[dt.datetime] = (),
    keep: Age,
    now: dt.datetime,
) -> bool:
    """
    Return whether an archive is past its time, by its name and by its last write.

    By its name: ``3 months`` keeps the three whole calendar months before the present one; the present period
    does not count. And no line in it is younger than its last write, so that must lie ``keep`` back as well:
    whatever the name says, no line goes that is younger than ``keep``.

    ``later`` are moments that were known when it was written and seemed to lie ahead. If one has passed
    meanwhile, the clock was behind then, nobody knows how far, and the archive is as young as the first of
    the ``runs`` that came after that moment. While a run lies ahead, the clock is behind still.
    """
    if later and any(run > now + AHEAD for run in runs):
        return False
    current = dt.datetime.combine(Period.of(now.date(), kind=period.kind).start, dt.time())
    passed = max((moment for moment in later if moment <= now + AHEAD), default=None)
    if passed is not None:
        written = max(written, min((run for run in runs if passed < run <= now), default=now))
    return period.end <= keep.before(current).date() and written <= keep.before(now)


def _split(name: str) -> tuple[str, Period] | None:
    suffix = LOG_SUFFIX if name.endswith(LOG_SUFFIX) else ""
    match = _STEM.fullmatch(name.removesuffix(suffix))
    if match is None:
        return None
    try:
        year = int(match["year"])
        if match["week"]:
            period = Period(kind="weekly", start=dt.date.fromisocalendar(year, int(match["week"]), 1))
        else:
            kind: Kind = "daily" if match["day"] else "monthly"
            period = Period(kind=kind, start=dt.date(year, int(match["month"]), int(match["day"] or 1)))
    except ValueError:
        return None
    return match["stem"] + suffix, period
