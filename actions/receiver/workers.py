"""Which worker carries a run out: the one of the config that the run began with."""

from collections.abc import Callable

from actions.ledger.ledger import Ledger
from actions.ledger.schema import RunState
from actions.receiver.worker import Next, Worker


class Workers:
    """
    Hands each run to the worker that was the current one at its first step here; safe for several threads.

    A run that waits for a person has none: it goes on with the config of that time.
    """

    def __init__(self, ledger: Ledger, *, current: Callable[[], Worker]) -> None:
        self._ledger = ledger
        self._current = current
        self._of_run: dict[str, Worker] = {}

    def carry_out(self, run_id: str, position: int) -> Next:
        """Carry out a step; the run is forgotten when it is open no longer."""
        worker = self._of_run.setdefault(run_id, self._current())
        following = worker.carry_out(run_id, position)
        run = self._ledger.run(run_id)
        if run is None or run.state is not RunState.RUNNING:
            self._of_run.pop(run_id, None)
        return following
