"""Keep an action's progress in the ledger: often enough to lose little, seldom enough to cost nothing."""

import logging
import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any, Final, Self

from actions.action import Progress
from actions.ledger.file import LedgerUnavailable
from actions.ledger.ledger import Ledger

logger = logging.getLogger(__name__)

KEEP_EVERY_SECONDS: Final = 0.5
ASK_EVERY_SECONDS: Final = 1.0


class ProgressKeeper(AbstractContextManager["ProgressKeeper"]):
    """
    Hears one step's reports, writes the newest at most every KEEP_EVERY_SECONDS, and knows of a cancel.

    Each report's freed bytes go to the step's mark at once, which outlives a kill (``progress_mark.py``).
    A ledger that cannot be written never stops the action, which may be the one that makes room. Used in a
    ``with`` block around an attempt and what is written about its end.
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
        self._mark = ledger.mark_of(run, position)
        self._unkept: Progress | None = None
        self._behind = False
        self._kept_at = -KEEP_EVERY_SECONDS
        self._asked_at = -ASK_EVERY_SECONDS
        self.cancel_was_seen = False

    def __call__(self, progress: Progress) -> None:
        """Hear a report."""
        self._also(progress)
        self._mark.write(progress.freed_bytes)
        self._unkept = progress
        if progress.note:
            self._try(lambda: self._ledger.add_log(self._run, self._position, progress.note))
        if self._clock() - self._kept_at >= KEEP_EVERY_SECONDS:
            self.flush()

    def flush(self) -> None:
        """Write the newest report that is not in the ledger yet."""
        progress = self._unkept
        if progress is not None:
            self._kept_at = self._clock()
            self._behind = not self._try(
                lambda: self._ledger.note_progress(self._run, self._position, progress)
            )
            self._unkept = progress if self._behind else None

    def begin(self) -> None:
        """Begin the first attempt of this block; raises LedgerUnavailable."""
        self._mark.begin(attempt=self._ledger.begin_step(self._run, self._position))

    def begin_again(self) -> None:
        """Begin another attempt of the step; what the one before it freed is kept."""
        self.flush()
        self._try(self.begin)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: Any) -> None:
        """Remove the mark, for the ledger has the figure; it stays where the ledger could not be written."""
        self._mark.end(keep=self._behind or error[0] is not None)

    def cancel_requested(self) -> bool:
        """Tell whether a person cancelled the run; the ledger is asked every ASK_EVERY_SECONDS."""
        if not self.cancel_was_seen and self._clock() - self._asked_at >= ASK_EVERY_SECONDS:
            self._asked_at = self._clock()
            self._try(self._ask)
        return self.cancel_was_seen

    def _ask(self) -> None:
        run = self._ledger.run(self._run)
        self.cancel_was_seen = run is not None and run.cancel_requested

    def _try(self, use_ledger: Callable[[], None]) -> bool:
        try:
            use_ledger()
        except LedgerUnavailable as error:
            logger.warning("progress of run %s is not kept: %s", self._run, error.message)
            return False
        return True
