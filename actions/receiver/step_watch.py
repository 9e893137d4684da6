"""Why and when a step at work is to stop before its end."""

import enum
from collections.abc import Callable, Iterable

from actions.ledger.progress_keeper import ProgressKeeper


class Stop(enum.StrEnum):
    """Why an action is asked to stop at its next safe point."""

    RECEIVER = "the receiver ends"
    CANCEL = "cancelled"
    TIMEOUT = "stopped at its time limit"
    EMERGENCY = "an emergency needs what it holds"

    @property
    def for_now(self) -> bool:
        """Tell whether the run is gone on with later."""
        return self in (Stop.RECEIVER, Stop.EMERGENCY)


class StepWatch:
    """
    What an action asks whether it shall stop; ``seen`` is what it was told, None while it may go on.

    ``resources`` are those that it holds or wants, as soon as they are known.
    """

    def __init__(
        self,
        keeper: ProgressKeeper,
        *,
        stopping: Callable[[], bool],
        giving_way: Callable[[Iterable[str]], bool],
        deadline: float,
        clock: Callable[[], float],
    ) -> None:
        self._keeper = keeper
        self._stopping = stopping
        self._giving_way = giving_way
        self._deadline = deadline
        self._clock = clock
        self.seen: Stop | None = None
        self.resources: tuple[str, ...] = ()

    def __call__(self) -> bool:
        if self.seen is None:
            if self._keeper.cancel_requested():
                self.seen = Stop.CANCEL
            elif self._stopping():
                self.seen = Stop.RECEIVER
            elif self._giving_way(self.resources):
                self.seen = Stop.EMERGENCY
            elif self._clock() > self._deadline:
                self.seen = Stop.TIMEOUT
        return self.seen is not None
