"""
Which files of a logs area are logs, how old their lines are, and which of them are due for rotation.

The exporter says by it which logs are overdue, the rotation plans by it.

A log's newest line is as young as the file's last write. The stamp at the front of a line can make it
younger, never older. Lines without a stamp belong to the stamped line before them.
"""

import datetime as dt
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import IO, Final

from storekeeper.files import FoundFile
from storekeeper.measure.log_lines import stamp_of
from storekeeper.measure.log_periods import LOG_SUFFIX, Kind, Period, parse_archive_name, parse_dated_log_name
from storekeeper.measure.log_records import Handled

# As much of either end as is looked at.
LOOK_BYTES: Final = 64 << 10
ASIDE_SUFFIX: Final = ".rotating"
PACKED: Final = (".gz", ".bz2", ".xz", ".zst", ".zip", ".lz4", ".7z", ".br", ".Z", ".tgz")
# A clock that is set back a little does not undo what was noted.
_LEEWAY: Final = dt.timedelta(days=1)


@dataclass(frozen=True, kw_only=True)
class LogNames:
    """What is a log by its name: ``*.log``, and what ``logs.include`` of the config adds."""

    include: Sequence[str] = ()

    def is_log(self, name: str) -> bool:
        """Return whether the file of that name below its area is a log that is written to."""
        last = name.rpartition("/")[2]
        if last.startswith(".") or last.endswith((*PACKED, ASIDE_SUFFIX)):
            return False
        return last.endswith(LOG_SUFFIX) or any(
            fnmatchcase(name, pattern) or fnmatchcase(last, pattern) for pattern in self.include
        )


def why_kept(name: str, *, links: int) -> str:
    """Return why a log is left as it is, by what its name and its links say; ``""`` when it is rotated."""
    if parse_dated_log_name(name.rpartition("/")[2]):
        return "its name says that it was put away by hand"
    return f"it has {links} names (hard links)" if links > 1 else ""


@dataclass(frozen=True, kw_only=True)
class LogAges:
    """
    How old a log's lines are.

    ``oldest`` is the first stamp near its beginning, None where there is none. ``ahead`` are stamps at its
    ends that are after ``now``: either they are wrong, or the clock is behind.
    """

    oldest: dt.datetime | None
    newest: dt.datetime
    ahead: tuple[dt.datetime, ...] = ()


def read_ages(file: IO[bytes], *, zone: dt.tzinfo | None, now: dt.datetime) -> LogAges:
    """
    Read both ends of an open log; ``zone`` is that of stamps without one.

    Moments are in the zone of ``now``; only those of ``ahead`` are after it.
    """
    status = os.fstat(file.fileno())
    written = min(dt.datetime.fromtimestamp(status.st_mtime, tz=now.tzinfo), now)
    file.seek(0)
    head = _stamps(file.read(LOOK_BYTES).split(b"\n"), zone=zone, latest=written)
    start = max(0, status.st_size - LOOK_BYTES)
    file.seek(start)
    # Behind the start of the file, the first piece may be the rest of a line.
    tail = file.read(LOOK_BYTES).split(b"\n")[1 if start else 0 :]
    last = next(_stamps(reversed(tail), zone=zone, latest=written), None)
    newest = max(written, min(last, now)) if last else written
    oldest = next(head, None)
    return LogAges(
        oldest=min(oldest, newest).astimezone(now.tzinfo) if oldest else None,
        newest=newest.astimezone(now.tzinfo),
        ahead=tuple(stamp for stamp in (oldest, last) if stamp and stamp > now),
    )


def _stamps(lines: Iterable[bytes], *, zone: dt.tzinfo | None, latest: dt.datetime) -> Iterator[dt.datetime]:
    for line in lines:
        stamp = stamp_of(line, zone=zone, latest=latest)
        if stamp is not None:
            yield stamp


@dataclass(frozen=True, kw_only=True)
class Due:
    """Why a log is due, and since when: the end of its oldest line's period, None where nobody knows."""

    since: dt.datetime | None
    why: str


def due(
    ages: LogAges,
    *,
    kind: Kind,
    now: dt.datetime,
    archived: float | None = None,
    handled: Handled | None = None,
) -> Due | None:
    """
    Return why a log is due for rotation, None when it is not.

    It is due when it has lines from before the present period, and was not rotated in this period as far as
    it could be (``handled``). ``archived`` is when lines of it were last archived, in seconds since 1970.
    """
    period = Period.of(now.date(), kind=kind)
    if handled is not None:
        at = dt.datetime.fromtimestamp(handled.at, tz=now.tzinfo)
        if at.date() >= period.start and at <= now + _LEEWAY:
            return None
    oldest = ages.oldest
    why = f"it has lines before {period.start}"
    if oldest is None:
        why = f"its lines have no dates, and none was archived since {period.start}"
        if archived is None:
            return Due(since=None, why=why)
        oldest = dt.datetime.fromtimestamp(archived, tz=now.tzinfo)
    if oldest.date() >= period.start:
        return None
    end = Period.of(oldest.date(), kind=kind).end
    return Due(since=dt.datetime.combine(end, dt.time(), tzinfo=now.tzinfo), why=why)


def last_archived(files: Iterable[FoundFile]) -> Mapping[str, float]:
    """Return when lines of each log were last archived, by the names and the last writes of archives."""
    moments: dict[str, float] = {}
    for file in files:
        folder, slash, last = file.name.rpartition("/")
        if parsed := parse_archive_name(last):
            log = f"{folder}{slash}{parsed[0]}"
            moments[log] = max(moments.get(log, 0), file.modified)
    return moments
