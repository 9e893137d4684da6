"""Questions that may never be answered: each asked in a thread of its own, once at a time."""

import threading
import time
from collections.abc import Callable
from typing import Generic, TypeVar

Answer = TypeVar("Answer")


class Flight(Generic[Answer]):
    """One question under way, which all who ask it at the same time share."""

    def __init__(self, name: str, ask: Callable[[], Answer]) -> None:
        self._ask = ask
        self._ended = threading.Event()
        self._started = time.monotonic()
        self._duration_seconds: float | None = None
        self._answer: list[Answer] = []
        self._error: Exception | None = None
        # A daemon: a thread that hangs on a dead mount must not keep the process from ending.
        threading.Thread(target=self._run, name=name, daemon=True).start()

    @property
    def running(self) -> bool:
        """Tell whether it has not ended."""
        return not self._ended.is_set()

    @property
    def duration_seconds(self) -> float:
        """Give how long it took, or has taken until now."""
        return self._duration_seconds or time.monotonic() - self._started

    def wait(self, *, until: float) -> Answer:
        """Give the answer; raises what the question raised, TimeoutError at ``until`` (monotonic clock)."""
        if not self._ended.wait(max(0.0, until - time.monotonic())):
            raise TimeoutError(f"no answer within {self.duration_seconds:.1f} s")
        if self._error is not None:
            raise self._error
        return self._answer[0]

    def _run(self) -> None:
        try:
            self._answer.append(self._ask())
        except Exception as error:  # noqa: BLE001 - handed to whoever waits
            self._error = error
        self._duration_seconds = time.monotonic() - self._started
        self._ended.set()


class Flights(Generic[Answer]):
    """Questions by name. One that hangs is not asked a second time while it does."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._flights: dict[str, Flight[Answer]] = {}

    def ask(self, name: str, question: Callable[[], Answer]) -> Flight[Answer]:
        """Give the flight of that name that is under way, or start one."""
        with self._lock:
            flight = self._flights.get(name)
            if flight is None or not flight.running:
                flight = self._flights[name] = Flight(name, question)
            return flight
