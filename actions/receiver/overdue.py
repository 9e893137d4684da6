"""
Steps that do not hear that their time is up, and how the receiver gets rid of them.

An action is asked to stop at its time limit. One that hangs, in a system call or in a program that it has
started, never hears it, and a thread cannot be ended from outside. So its run is failed in the ledger, and
the receiver begins anew: that ends the thread, gives its locks back, and other runs go on where they were.
"""

import logging
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Final

from actions.ledger.ledger import Ledger
from actions.ledger.schema import RunState
from storekeeper.processes import begin_anew

logger = logging.getLogger(__name__)

# An action may need this long to its next safe point.
GRACE_SECONDS: Final = 600.0


class Overdue:
    """
    The time limits of the steps at work; ``clock`` is the one by which they are given.

    While ``stopping`` is true the receiver ends anyhow, and nothing begins anew.
    """

    def __init__(
        self,
        ledger: Ledger,
        *,
        stopping: Callable[[], bool] = lambda: False,
        grace_seconds: float = GRACE_SECONDS,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._ledger = ledger
        self._stopping = stopping
        self._grace_seconds = grace_seconds
        self._clock = clock
        self._lock = threading.Lock()
        self._deadlines: dict[str, float] = {}

    @contextmanager
    def watched(self, run: str, *, deadline: float) -> Iterator[None]:
        """Watch the run's step while the block lasts."""
        with self._lock:
            self._deadlines[run] = deadline
        try:
            yield
        finally:
            with self._lock:
                del self._deadlines[run]

    def fail(self) -> bool:
        """Fail the runs whose step is overdue; True when there are any. Raises LedgerUnavailable."""
        with self._lock:
            now = self._clock()
            overdue = [run for run, end in self._deadlines.items() if now > end + self._grace_seconds]
        for run in overdue:
            logger.error("run %s does not hear that its time is up", run)
            self._ledger.end_run(
                run, state=RunState.FAILED, error="hung: it did not stop at its time limit, and was ended"
            )
        return bool(overdue)

    def tend(self) -> None:
        """Begin the receiver anew when a step is overdue; raises LedgerUnavailable, then nothing is ended."""
        if not self._stopping() and self.fail():
            logger.error("the receiver begins anew to be rid of a step that hangs")
            logging.shutdown()
            begin_anew()
