"""
The time stamp at the front of a log line.

A date anywhere else in a line is what the line speaks of: a birthday, an invoice, a traceback that quotes
one. Before the stamp stand at most a level, an opening bracket, the name of the stamp (``time=``), and what
syslog and web servers put there. A line of JSON is stamped by a key that is known to hold its time. Digits of
every script count.
"""

import datetime as dt
import json
import re
from typing import Any, Final

FRONT_CHARACTERS: Final = 300
JSON_BYTES: Final = 64 << 10

_TIME_KEYS: Final = (
    *("time", "timestamp", "@timestamp", "asctime", "ts", "datetime", "created", "event_time", "eventTime"),
    *("time_iso8601", "@t", "t", "date"),
)
_MONTHS: Final = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")

_LEVEL: Final = (
    r"(?:[\[(<]?(?:TRACE|DEBUG|INFO|NOTICE|WARN(?:ING)?|ERR(?:OR)?|CRIT(?:ICAL)?|FATAL|ALERT|EMERG(?:ENCY)?|SEVERE)"
    r"[\])>]?[\s:|,-]+)?"
)
_BEFORE: Final = (
    r"(?:<\d{1,3}>(?:1 )?)?"  # syslog's priority
    rf"{_LEVEL}(?:(?:time|timestamp|ts|asctime|datetime|date|t)[=:]\s*)?[\[(<\"']?"
)
_CLOCK: Final = r"(?P<clock>\d\d?:\d\d(?::\d\d)?)(?:[.,]\d+)?"
_OFFSET: Final = r"(?:\s?(?P<offset>Z|UTC|GMT|[+-]\d\d:?\d\d)(?![\w:]))?"
_NAME: Final = r"(?P<name>[A-Za-z]{3})"
_FORMS: Final = tuple(
    re.compile(form, re.IGNORECASE)
    for form in (
        # 2026-11-22 10:00:00,123 · 2026-11-22T03:00:00Z · 2026/11/22 10:00:00 · 2026-11-22
        rf"{_BEFORE}(?P<year>\d{{4}})([-/.])(?P<month>\d\d)\2(?P<day>\d\d)(?!\d)"
        rf"(?:[T _]\s?{_CLOCK}{_OFFSET})?",
        # 22/Nov/2026:10:00:00 +0700 (web servers) · [22/Nov/2026 10:00:00] (Django) · 22 Nov 2026 10:00:00
        rf"(?:\S+ - \S+ (?=\[))?{_BEFORE}(?:[A-Za-z]{{3}}, )?"
        rf"(?P<day>\d\d?)([ /-]){_NAME}\2(?P<year>\d{{4}})[: T]\s?{_CLOCK}{_OFFSET}",
        # 22.11.2026 10:00:00
        rf"{_BEFORE}(?P<day>\d\d?)\.(?P<month>\d\d?)\.(?P<year>\d{{4}})[, T]\s?{_CLOCK}{_OFFSET}",
        # Sun Nov 22 10:00:00.123 2026 · Nov  3 10:00:00 (syslog)
        rf"{_BEFORE}(?:[A-Za-z]{{3}} )?{_NAME} {{1,2}}(?P<day>\d\d?) {_CLOCK}(?: [A-Z]{{3,4}})?"
        r"(?: (?P<year>\d{4}))?(?!\d)",
        # 1763805600 · 1763805600.123 · 1763805600123
        rf"{_BEFORE}(?P<epoch>[12]\d{{9}}(?:\d{{3}}){{0,3}})(?![\d-])",
    )
)


def stamp_of(line: bytes, *, zone: dt.tzinfo | None, latest: dt.datetime) -> dt.datetime | None:
    """
    Return the moment at the front of a line, None where there is none.

    A stamp without a zone is one of ``zone``, of this machine's zone when that is None. One without a year is
    of the last year in which it is not after ``latest`` (a day is allowed for).
    """
    # What a writer without append mode leaves at the front after a cut.
    line = line.lstrip(b"\0")
    if line[:1] == b"{":
        return _stamp_in_json(line, zone=zone)
    text = line[: FRONT_CHARACTERS * 4].decode("utf-8", "replace").removeprefix("\ufeff")[:FRONT_CHARACTERS]
    for form in _FORMS:
        if match := form.match(text):
            moment = _moment(match.groupdict(), zone=zone, latest=latest)
            if moment is not None:
                return moment
    return None


def _stamp_in_json(line: bytes, *, zone: dt.tzinfo | None) -> dt.datetime | None:
    if len(line) > JSON_BYTES:
        return None
    try:
        values = json.loads(line)
    except (ValueError, RecursionError):
        return None
    for key in _TIME_KEYS:
        value = values.get(key)
        if isinstance(value, int | float) and not isinstance(value, bool):
            return _of_epoch(float(value))
        if isinstance(value, str):
            return stamp_of(value.encode("utf-8", "replace"), zone=zone, latest=dt.datetime.now(tz=dt.UTC))
    return None


def _moment(
    parts: dict[str, str | Any], *, zone: dt.tzinfo | None, latest: dt.datetime
) -> dt.datetime | None:
    if parts.get("epoch"):
        return _of_epoch(float(parts["epoch"]))
    try:
        month = int(parts["month"]) if parts.get("month") else _MONTHS.index(parts["name"].lower()) + 1
        hour, minute, second = ((parts.get("clock") or "0:0:0") + ":0").split(":")[:3]
        clock = dt.time(int(hour), int(minute), min(int(second), 59), tzinfo=_zone(parts.get("offset"), zone))
        day = int(parts["day"])
        if parts.get("year"):
            return _aware(int(parts["year"]), month, day, clock)
        return _in_the_last_year(month, day, clock, latest=latest)
    except (ValueError, OverflowError, OSError):
        return None


def _in_the_last_year(month: int, day: int, clock: dt.time, *, latest: dt.datetime) -> dt.datetime | None:
    # Eight years back there has been a 29th of February.
    for year in range(latest.year + 1, latest.year - 9, -1):
        try:
            moment = _aware(year, month, day, clock)
        except ValueError:
            continue
        if moment <= latest + dt.timedelta(days=1):
            return moment
    return None


def _aware(year: int, month: int, day: int, clock: dt.time) -> dt.datetime:
    moment = dt.datetime.combine(dt.date(year, month, day), clock)
    return moment if moment.tzinfo else moment.astimezone()


def _zone(offset: str | None, zone: dt.tzinfo | None) -> dt.tzinfo | None:
    if offset is None:
        return zone
    if offset.upper() in ("Z", "UTC", "GMT"):
        return dt.UTC
    hours, minutes = int(offset[1:3]), int(offset[-2:])
    length = dt.timedelta(hours=hours, minutes=minutes)
    return dt.timezone(-length if offset[0] == "-" else length)


def _of_epoch(number: float) -> dt.datetime | None:
    # Seconds, milliseconds, microseconds or nanoseconds: what lies before the year 2286.
    while number >= 1e10:
        number /= 1000
    try:
        return dt.datetime.fromtimestamp(number, tz=dt.UTC)
    except (ValueError, OverflowError, OSError):
        return None
