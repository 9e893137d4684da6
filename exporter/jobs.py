"""Work that is too slow for a scrape: done beside the scrapes, again and again, the last result kept."""

import logging
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

logger = logging.getLogger(__name__)

Result = TypeVar("Result")

# A job rests at least this many times as long as it worked: it takes a fifth of one disk's time at most.
REST_FACTOR = 4


@dataclass(frozen=True, kw_only=True)
class Latest(Generic[Result]):
    """
    What a job has to show: the last complete ``value`` and the time it was complete (seconds since 1970).

    ``problem`` tells why a later attempt failed, empty when the last attempt is the one shown.
    ``attempts`` counts the attempts that have ended, ``duration_seconds`` is that of the last one.
    """

    value: Result | None = None
    measured_at: float | None = None
    problem: str = ""
    attempts: int = 0
    duration_seconds: float = 0.0


class Job(Generic[Result]):
    """
    One piece of work on an interval, in a thread of its own.

    A job that hangs keeps its last result and holds up nobody. It is never started a second time
    beside itself.
    """

    def __init__(
        self,
        name: str,
        work: Callable[[], Result],
        *,
        interval_seconds: float,
        retry_seconds: float | None = None,
        clock: Callable[[], float] = time.time,
        after: "Sequence[Job[Any]]" = (),
        prepare: Callable[[], None] = lambda: None,
    ) -> None:
        """
        Set the pause after each attempt; ``retry_seconds`` is the one after a failure, if it differs.

        After its pause a job lets each job in ``after`` end one more attempt first, waiting for that as long
        as the pause again. ``prepare`` is called once in the job's own thread.
        """
        self.name = name
        self._work = work
        self._interval_seconds = interval_seconds
        self._retry_seconds = interval_seconds if retry_seconds is None else retry_seconds
        self._clock = clock
        self._after = tuple(after)
        self._prepare = prepare
        self._latest: Latest[Result] = Latest()
        self._changed = threading.Condition()
        self._stopping = threading.Event()

    @property
    def latest(self) -> Latest[Result]:
        """Give the newest result; never waits."""
        return self._latest

    def run_once(self) -> Latest[Result]:
        """Do the work in the calling thread and give the outcome."""
        before = self._latest
        started = time.monotonic()
        try:
            value = self._work()
        except Exception as error:  # an edge: every failure of a job becomes what it shows
            if str(error) != before.problem:
                logger.warning("%s: %s", self.name, error, exc_info=not hasattr(error, "hint"))
            latest = Latest(
                value=before.value,
                measured_at=before.measured_at,
                problem=str(error) or type(error).__name__,
                attempts=before.attempts + 1,
                duration_seconds=time.monotonic() - started,
            )
        else:
            latest = Latest(
                value=value,
                measured_at=self._clock(),
                attempts=before.attempts + 1,
                duration_seconds=time.monotonic() - started,
            )
        with self._changed:
            self._latest = latest
            self._changed.notify_all()
        return latest

    def start(self) -> None:
        """Begin at once, in a thread that does not keep the process alive."""
        threading.Thread(target=self._repeat, name=self.name, daemon=True).start()

    def stop(self) -> None:
        """Begin no further attempt; one that is under way is left to its end."""
        self._stopping.set()

    @property
    def stopping(self) -> threading.Event:
        """Give the event that long work looks at to end early."""
        return self._stopping

    def wait_for_attempt(self, *, timeout_seconds: float, more_than: int = 0) -> bool:
        """Wait until the first attempt has ended, or one ``more_than`` so many; tell whether it has."""
        with self._changed:
            return self._changed.wait_for(lambda: self._latest.attempts > more_than, timeout_seconds)

    def _repeat(self) -> None:
        self._prepare()
        while not self._stopping.is_set():
            latest = self.run_once()
            before = [job.latest.attempts for job in self._after]
            pause = self._retry_seconds if latest.problem else self._interval_seconds
            pause = max(pause, latest.duration_seconds * REST_FACTOR)
            self._stopping.wait(pause)
            until = time.monotonic() + pause
            for job, attempts in zip(self._after, before, strict=True):
                job.wait_for_attempt(timeout_seconds=max(0.0, until - time.monotonic()), more_than=attempts)
