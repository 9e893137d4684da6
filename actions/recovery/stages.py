"""How long each stage of a recovery takes."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager


class Stages:
    """Seconds by stage, in the order in which they began; a stage that fails counts too."""

    def __init__(self, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self.seconds: dict[str, float] = {}

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        """Measure the block."""
        began = self._clock()
        try:
            yield
        finally:
            self.seconds[name] = self.seconds.get(name, 0.0) + self._clock() - began

    @contextmanager
    def until_called(self, name: str) -> Iterator[Callable[[], None]]:
        """Measure from here to the first call of what is given, else to the end of the block."""
        began: float | None = self._clock()

        def end() -> None:
            nonlocal began
            if began is not None:
                self.seconds[name] = self.seconds.get(name, 0.0) + self._clock() - began
                began = None

        try:
            yield end
        finally:
            end()

    @property
    def total_seconds(self) -> float:
        """Return the time of all stages."""
        return sum(self.seconds.values())

    @property
    def told(self) -> str:
        """Say it to a person."""
        parts = ", ".join(f"{name} {seconds:.1f} s" for name, seconds in self.seconds.items())
        return f"{self.total_seconds:.1f} s ({parts})"
