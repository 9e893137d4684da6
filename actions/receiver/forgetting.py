"""Once a day: let ledger and engine forget what ended long ago, so that the state folder stays small."""

import datetime as dt
import time
from collections.abc import Callable
from typing import Final

from actions.ledger.ledger import Ledger
from actions.ledger.pruning import forget, shrink
from actions.playbooks import playbooks_of
from actions.receiver.engine import Engine
from storekeeper.config import Config

EVERY_SECONDS: Final = 86400.0
# The engine's own record of a run is of use only while the run goes on.
ENGINE_KEEPS_SECONDS: Final = 7 * 86400.0
# The budget of runs is counted over a day; this much is always kept.
LEAST_KEPT_SECONDS: Final = 2 * 86400.0


class Forgetting:
    """What is kept is told by ``receiver.history`` in the config."""

    def __init__(
        self,
        ledger: Ledger,
        *,
        engine: Engine,
        config: Config,
        now: Callable[[], dt.datetime],
        trusted: Callable[[], bool],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._ledger = ledger
        self._engine = engine
        self._config = config
        self._now = now
        self._trusted = trusted
        self._clock = clock
        self._next = -float("inf")

    def tend(self) -> None:
        """
        Forget, at the first call and then once a day, by a clock that can be trusted.

        Raises LedgerUnavailable and sqlite3.Error.
        """
        if self._clock() < self._next or not self._trusted():
            return
        now = self._now()
        # The last run of a playbook is asked for until its cooldown is over.
        cooldowns = [one.cooldown for one in playbooks_of(self._config).values() if one.cooldown]
        ages = (self._config.receiver.history, self._config.receiver.cooldown, *cooldowns)
        before = min(age.before(now).timestamp() for age in ages)
        forget(self._ledger, before=min(before, now.timestamp() - LEAST_KEPT_SECONDS))
        self._engine.forget(before=now.timestamp() - ENGINE_KEEPS_SECONDS)
        shrink(self._ledger.file.path)
        self._next = self._clock() + EVERY_SECONDS
