"""Questions that may never be answered: each asked in a thread of its own, once at a time."""

import queue
import threading
import time
from collections.abc import Callable
from typing import Final, Generic, TypeVar

Answer = TypeVar("Answer")

# How long a thread waits for another question: longer than the pause between two scrapes.
IDLE_SECONDS: Final = 130.0


class Flight(Generic[Answer]):
    """One question under way, which all who ask it at the same time share."""

    def __init__(self, name: str, ask: Callable[[], Answer]) -> None:
        self._name = name
        self._ask = ask
        self._ended = threading.Event()
        self._started = time.monotonic()
        self._duration_seconds: float | None = None
        self._answer: list[Answer] = []
        self._error: Exception | None = None

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

    def run(self) -> None:
        """Ask, in the thread that is given to the question."""
        threading.current_thread().name = self._name
        try:
            self._answer.append(self._ask())
        except Exception as error:  # noqa: BLE001 - handed to whoever waits
            self._error = error
        self._duration_seconds = time.monotonic() - self._started
        self._ended.set()


class Threads:
    """
    As many threads as there is work at the same time; one that is done waits a while for more.

    To start a thread costs more than most questions do.
    """

    def __init__(self, *, idle_seconds: float = IDLE_SECONDS) -> None:
        self._idle_seconds = idle_seconds
        self._lock = threading.Lock()
        self._idle: list[queue.SimpleQueue[Callable[[], None]]] = []

    def run(self, work: Callable[[], None]) -> None:
        """Have ``work``, which must raise nothing, done at once and beside the caller."""
        with self._lock:
            if self._idle:
                self._idle.pop().put(work)
                return
        # A daemon: a thread that hangs on a dead mount must not keep the process from ending.
        threading.Thread(target=self._serve, args=(work,), daemon=True).start()

    def _serve(self, work: Callable[[], None]) -> None:
        box: queue.SimpleQueue[Callable[[], None]] = queue.SimpleQueue()
        while True:
            work()
            with self._lock:
                self._idle.append(box)
            try:
                work = box.get(timeout=self._idle_seconds)
            except queue.Empty:
                with self._lock:
                    if box in self._idle:
                        self._idle.remove(box)
                        return
                # Work was given to us in this very moment.
                work = box.get()


class Flights(Generic[Answer]):
    """Questions by name. One that hangs is not asked a second time while it does."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._flights: dict[str, Flight[Answer]] = {}
        self._threads = Threads()

    def ask(self, name: str, question: Callable[[], Answer]) -> Flight[Answer]:
        """Give the flight of that name that is under way, or start one."""
        with self._lock:
            flight = self._flights.get(name)
            if flight is None or not flight.running:
                flight = self._flights[name] = Flight(name, question)
                self._threads.run(flight.run)
            return flight
