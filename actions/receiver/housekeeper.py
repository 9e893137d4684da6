"""The receiver's own rounds: hand runs to the engine, start what is due, end what nobody will end."""

import datetime as dt
import logging
import threading
import time
from collections.abc import Callable, Sequence
from typing import Final

from actions.clock.check import ClockCheck
from actions.clock.signs import find_witnesses
from actions.ledger.ledger import Ledger
from actions.leftovers import finish_removals, prune_state
from actions.receiver.engine import Engine
from actions.receiver.expiry import expire_approvals, expire_episodes, fail_abandoned_runs
from actions.receiver.forgetting import Forgetting
from actions.receiver.reserve import Reserve
from actions.schedules import Scheduler
from storekeeper.config import Config
from storekeeper.shop import Shop

logger = logging.getLogger(__name__)

ROUND_SECONDS: Final = 10.0
DAY_SECONDS: Final = 86400.0


class Housekeeper:
    """
    A thread that makes a round every ROUND_SECONDS, and at once after ``wake``.

    A job that fails is logged and tried again on the next round; it stops no other job.
    """

    def __init__(
        self,
        ledger: Ledger,
        *,
        engine: Engine,
        scheduler: Scheduler,
        config: Config,
        now: Callable[[], dt.datetime],
        clock_check: ClockCheck,
        more: Sequence[Callable[[], object]] = (),
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        receiver = config.receiver
        self._jobs: Sequence[Callable[[], object]] = (
            # First: on a full disk all others need it.
            Reserve(config.state).tend,
            # Before what is due: a clock that has jumped is known to have.
            clock_check.beat,
            engine.start,
            scheduler.accept_due,
            engine.reconcile,
            lambda: expire_episodes(ledger, before=receiver.episode_expiry.before(now()).timestamp()),
            lambda: expire_approvals(ledger, before=receiver.approval_expiry.before(now()).timestamp()),
            lambda: fail_abandoned_runs(ledger),
            lambda: self._daily(lambda: _begin_to_tidy(config, now=now(), clock_check=clock_check)),
            Forgetting(ledger, engine=engine, config=config, now=now, trusted=clock_check.beat).tend,
            *more,
        )
        self._clock = clock
        self._next_daily = 0.0
        self._wake = threading.Event()
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._work, name="housekeeper", daemon=True)

    def start(self) -> None:
        """Begin the rounds."""
        self._thread.start()

    def wake(self) -> None:
        """Make a round now: there is a new run."""
        self._wake.set()

    def stop(self) -> None:
        """End after the present round."""
        self._stopped.set()
        self._wake.set()
        self._thread.join()

    def _daily(self, job: Callable[[], object]) -> None:
        """Do a job at the first round and then once a day."""
        if self._clock() >= self._next_daily:
            self._next_daily = self._clock() + DAY_SECONDS
            job()

    def _work(self) -> None:
        while not self._stopped.is_set():
            self._wake.clear()
            for job in self._jobs:
                try:
                    job()
                except Exception as error:
                    # The edge of this thread: a full disk or a locked file passes, and the next round comes.
                    logger.warning("housekeeping goes on after: %s", error, exc_info=True)
            self._wake.wait(ROUND_SECONDS)


def _begin_to_tidy(config: Config, *, now: dt.datetime, clock_check: ClockCheck) -> None:
    """
    Tidy in a thread: a root on a server that does not answer must hold up no round.

    The witnesses of the clock are asked here, so that the receiver knows soon after its start what is right.
    """

    def tidy() -> None:
        try:
            finish_removals(config)
            verdict = clock_check.look(lambda now: find_witnesses(config, shop=Shop.of(config), now=now))
            if verdict.doubt:
                logger.warning("nothing is removed by age: the clock may be wrong: %s", verdict.doubt)
            else:
                prune_state(config, now=now)
        except Exception as error:
            # The edge of this thread: tomorrow is another day.
            logger.warning("what earlier runs left was not tidied up: %s", error, exc_info=True)

    threading.Thread(target=tidy, name="tidying", daemon=True).start()
