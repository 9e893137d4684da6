"""How many errors a log has told since a moment, read from the times of its own lines."""

import datetime as dt
from pathlib import Path
from typing import Final
from zoneinfo import ZoneInfo

from exporter.log_file import level_of
from storekeeper.measure.log_lines import stamp_of

# The end of a log; a day that writes more than that has other troubles.
TAIL_BYTES: Final = 64 << 20
_ERRORS: Final = ("ERROR", "CRITICAL")


def errors_since(path: Path, *, since: float, zone: ZoneInfo | None) -> int:
    """
    Count the events at ERROR or worse from ``since`` on, in seconds since 1970; 0 for a missing file.

    A line without a time of its own is as old as the last one that has one; before the first it does not
    count. Of a log larger than TAIL_BYTES only the end is read.
    """
    count = 0
    recent = False
    latest = dt.datetime.now().astimezone()
    try:
        with path.open("rb") as file:
            size = file.seek(0, 2)
            file.seek(max(0, size - TAIL_BYTES))
            if size > TAIL_BYTES:
                file.readline()
            for line in file:
                level = level_of(line)
                stamp = stamp_of(line, zone=zone, latest=latest)
                if stamp is not None:
                    recent = stamp.timestamp() >= since
                count += recent and level in _ERRORS
    except FileNotFoundError:
        return 0
    return count
