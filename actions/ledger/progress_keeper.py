"""Keep an action's progress in the ledger: often enough to lose little, seldom enough to cost nothing."""

import logging
import time
from collections.abc import Callable
from typing import Final

from actions.action import Progress
from actions.ledger.file import LedgerUnavailable
from actions.ledger.ledger import Ledger

logger = logging.getLogger(__name__)

KEEP_EVERY_SECONDS: Final = 0.5
ASK_EVERY_SECONDS: Final = 1.0


class ProgressKeeper:
    """
    Hears one step's reports, writes the newest at most every KEEP_EVERY_SECONDS, and knows of a cancel.

    A ledger that cannot be written never stops the action, which may be the one that makes room.
    """

    def __init__(
        self,
        ledger: Ledger,
        run: str,
        position: int,
        *,
        also: Callable[[Progress], None] = lambda _: None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._ledger = ledger
        self._run = run
        self._position = position
        self._also = also
        self._clock = clock
        self._unkept: Progress | None = None
        self._kept_at = -KEEP_EVERY_SECONDS
        self._asked_at = -ASK_EVERY_SECONDS
        self.cancel_was_seen = False

    def __call__(self, progress: Progress) -> None:
        """Hear a report."""
        self._also(progress)
        self._unkept = progress
        if progress.note:
            self._try(lambda: self._ledger.add_log(self._run, self._position, progress.note))
        if self._clock() - self._kept_at >= KEEP_EVERY_SECONDS:
            self.flush()

    def flush(self) -> None:
        """Write the newest report that is not in the ledger yet."""
        progress, self._unkept = self._unkept, None
        if progress is not None:
            self._try(lambda: self._ledger.note_progress(self._run, self._position, progress))
            self._kept_at = self._clock()

    def begin_again(self) -> None:
        """Begin another attempt of the step; what the one before it freed is kept."""
        self.flush()
        self._try(lambda: self._ledger.begin_step(self._run, self._position))

    def cancel_requested(self) -> bool:
        """Tell whether a person cancelled the run; the ledger is asked every ASK_EVERY_SECONDS."""
        if not self.cancel_was_seen and self._clock() - self._asked_at >= ASK_EVERY_SECONDS:
            self._asked_at = self._clock()
            self._try(self._ask)
        return self.cancel_was_seen

    def _ask(self) -> None:
        run = self._ledger.run(self._run)
        self.cancel_was_seen = run is not None and run.cancel_requested

    def _try(self, use_ledger: Callable[[], None]) -> None:
        try:
            use_ledger()
        except LedgerUnavailable as error:
            logger.warning("progress of run %s is not kept: %s", self._run, error.message)
