"""Keep a walk within its budget, and stop it when asked."""

import threading
import time
from collections.abc import Callable

from storekeeper.measure.scanner.errors import ScanCancelled
from storekeeper.measure.scanner.request import Budget

# Debts below this are carried on: shorter sleeps cost more than they give.
SHORTEST_SLEEP_SECONDS = 0.005
# An event is looked at this often during a sleep at the least.
LONGEST_SLEEP_SECONDS = 60.0


class Pacer:
    """Called after each batch of entries: sleeps as the budget says, raises ScanCancelled when asked to."""

    def __init__(
        self,
        budget: Budget | None,
        *,
        cancelled: threading.Event | None = None,
        monotonic: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], object] = time.sleep,
    ) -> None:
        self._budget = budget or Budget()
        self._cancelled = cancelled
        self._monotonic = monotonic
        self._sleep = sleep if cancelled is None else cancelled.wait
        self._began = monotonic()
        self._slept = 0.0
        self._entries = 0

    def __call__(self, entries: int) -> None:
        self._entries += entries
        self.check()
        owed = self._owed_seconds()
        if owed >= SHORTEST_SLEEP_SECONDS:
            before = self._monotonic()
            self._sleep(min(owed, LONGEST_SLEEP_SECONDS))
            self._slept += self._monotonic() - before
            self.check()

    def check(self) -> None:
        """Raise ScanCancelled when the caller asked to stop."""
        if self._cancelled is not None and self._cancelled.is_set():
            raise ScanCancelled("the walk was stopped before its end")

    def _owed_seconds(self) -> float:
        passed = self._monotonic() - self._began
        owed = 0.0
        if self._budget.entries_per_second:
            owed = self._entries / self._budget.entries_per_second - passed
        if self._budget.share_of_time:
            worked = passed - self._slept
            owed = max(owed, worked / self._budget.share_of_time - passed)
        return owed
