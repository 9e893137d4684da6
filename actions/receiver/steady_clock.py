"""
Whether the time of day still tells what is old.

With a clock that was set a year ahead every QR code has expired, and all that waits in quarantine has waited
long enough. So the time of day is compared with the time since the machine started, which nobody sets. Where
it went ahead by itself, no alert and no schedule begins what judges files by their age; a person's own
command is carried out, since a person sees the plan and the date.
"""

import datetime as dt
import time
from collections.abc import Callable
from typing import Final

from actions.ledger.ledger import Run
from actions.ledger.schema import Trigger
from storekeeper.errors import StorekeeperError

JUDGE_BY_AGE: Final = frozenset(
    {"cleanup_expired_qr_codes", "cleanup_orphaned_media", "prune_backups", "rotate_logs"}
)
# A clock that was about right is corrected by less, and to take things for a day older does little harm.
MOST: Final = dt.timedelta(days=1)
_AUTOMATIC: Final = (Trigger.ALERT, Trigger.SCHEDULE)


def seconds_since_start() -> float:
    """Give the seconds since the machine started, with those of its sleep where the system counts them."""
    if hasattr(time, "CLOCK_BOOTTIME"):
        return time.clock_gettime(time.CLOCK_BOOTTIME)
    return time.monotonic()


class SteadyClock:
    """Remembers, from its making on, what time of day belongs to the time since the machine's start."""

    def __init__(
        self,
        *,
        now: Callable[[], float] = time.time,
        since_start: Callable[[], float] = seconds_since_start,
    ) -> None:
        self._now = now
        self._since_start = since_start
        self._difference = now() - since_start()

    def went_ahead(self) -> dt.timedelta:
        """Give by how much the time of day went ahead by itself; less than nothing where it went back."""
        return dt.timedelta(seconds=self._now() - self._since_start() - self._difference)

    def require(self, run: Run, action: str) -> None:
        """Raise StorekeeperError where a step that nobody asked for in person would judge by a wrong time."""
        if action not in JUDGE_BY_AGE or run.trigger not in _AUTOMATIC or run.dry_run:
            return
        ahead = self.went_ahead()
        if ahead > MOST:
            days = f"{ahead.days} day{'s' if ahead.days > 1 else ''}"
            raise StorekeeperError(
                f"{action} removes nothing: the clock went ahead by {days} by itself while the receiver ran,"
                " so nobody can tell what is old",
                hint="Where the clock is right now, restart the receiver; else set it right",
            )
