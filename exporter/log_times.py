"""When the oldest line of a log was written, read from the line itself."""

import datetime as dt
import re
from pathlib import Path
from typing import Final
from zoneinfo import ZoneInfo

HEAD_BYTES: Final = 64 * 1024

# 2026-11-22 10:00:00,123 · 2026-11-22T10:00:00.123+07:00 · 2026-11-22T03:00:00Z
_ISO = re.compile(r"(\d{4}-\d\d-\d\d)[ T](\d\d:\d\d:\d\d)(?:[.,]\d+)?\s?(Z|[+-]\d\d:?\d\d)?")
# 22/Nov/2026:10:00:00 +0700 (web servers) · 22/Nov/2026 10:00:00 (Django's runserver)
_WEB = re.compile(r"(\d\d)/([A-Z][a-z]{2})/(\d{4})[: ](\d\d:\d\d:\d\d)(?: ([+-]\d{4}))?")
_MONTHS: Final = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")


def oldest_line(path: Path, *, zone: ZoneInfo | None) -> float | None:
    """
    Give the time of the first line that has one, in seconds since 1970; None where none has, or no file is.

    A time without zone is one of ``zone``, of this machine's zone when that is None.
    """
    try:
        with path.open("rb") as file:
            head = file.read(HEAD_BYTES)
    except FileNotFoundError:
        return None
    for line in head.decode("utf-8", "replace").splitlines():
        moment = moment_in(line, zone=zone)
        if moment is not None:
            return moment
    return None


def moment_in(line: str, *, zone: ZoneInfo | None) -> float | None:
    """Give the first time in a line."""
    if match := _ISO.search(line):
        date, time, offset = match[1], match[2], match[3] or ""
    elif (match := _WEB.search(line)) and match[2] in _MONTHS:
        date = f"{match[3]}-{_MONTHS.index(match[2]) + 1:02}-{match[1]}"
        time, offset = match[4], match[5] or ""
    else:
        return None
    try:
        moment = dt.datetime.fromisoformat(f"{date}T{time}{offset}")
    except ValueError:
        return None
    return (moment if moment.tzinfo else moment.replace(tzinfo=zone)).timestamp()
