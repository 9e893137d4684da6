"""
The walk of one area, shared by all who want to know something of its files.

Each walk reads only what has changed since the one before; now and then one reads everything, since a file
that grows in place leaves no trace in its folder.
"""

import logging
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Final

from storekeeper.measure.scanner import Budget, ScanRequest, TreeState, TreeUsage, scan
from storekeeper.measure.scanner.state_file import load_state, save_state

# A listing is as good as new for so long; the walk of a large tree takes longer than that by itself.
FRESH_SECONDS: Final = 5.0
SAVE_SECONDS: Final = 900.0

logger = logging.getLogger(__name__)


class AreaWalk:
    """
    One area; a folder that is not there (nothing was uploaded yet) is no failure, but has no usage.

    ``state_file`` keeps what is known over a restart. ``full_every_seconds`` is the time between two walks
    that read everything. With ``helpers`` a long walk that no budget holds back has helper processes.
    """

    def __init__(
        self,
        request: ScanRequest,
        *,
        full_every_seconds: float,
        state_file: Path | None = None,
        budget: Budget | None = None,
        helpers: bool = True,
        cancelled: threading.Event | None = None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._request = request
        self._full_every_seconds = full_every_seconds
        self._state_file = state_file
        self._budget = budget
        self._processes = None if helpers else 0
        self._cancelled = cancelled
        self._clock = clock
        self._lock = threading.Lock()
        self._usage: TreeUsage | None = None
        self._state: TreeState | None = None
        self._ended: float | None = None
        self._saved: TreeState | None = None
        self._save_after = 0.0
        self._save_problem = ""

    def __call__(self) -> TreeUsage | None:
        """Walk; raises ScanError when the folder is there but closed to us."""
        with self._lock:
            return self._walk()

    def fresh(self) -> TreeUsage | None:
        """Give what a walk found that ended just now, walking if none did; raises ScanError."""
        with self._lock:
            if self._ended is not None and time.monotonic() - self._ended < FRESH_SECONDS:
                return self._usage
            return self._walk()

    def _walk(self) -> TreeUsage | None:
        if not self._request.root.exists():
            self._usage, self._state = None, None
        else:
            known = self._known()
            # A clock that was set back must not put the next full walk off for years.
            full = known is None or abs(self._clock() - known.walked_at) >= self._full_every_seconds
            self._usage = scan(
                self._request,
                previous=known,
                full=full,
                budget=self._budget,
                cancelled=self._cancelled,
                clock=self._clock,
                processes=self._processes,
            )
            self._state = self._usage.state
            self._save(self._state)
        self._ended = time.monotonic()
        return self._usage

    def _known(self) -> TreeState | None:
        if self._state is None and self._ended is None and self._state_file is not None:
            self._saved = load_state(self._state_file, request=self._request)
            return self._saved
        return self._state

    def _save(self, state: TreeState) -> None:
        """Write what changed, but not after every walk: it may be many megabytes."""
        now = time.monotonic()
        if self._state_file is None or state is self._saved or now < self._save_after:
            return
        self._save_after = now + SAVE_SECONDS
        try:
            save_state(state, path=self._state_file)
        except OSError as error:
            if str(error) != self._save_problem:
                logger.warning("%s cannot be kept over a restart: %s", self._request.root, error)
            self._save_problem = str(error)
        else:
            self._saved, self._save_problem = state, ""
