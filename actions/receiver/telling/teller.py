"""The thread that tells: what the outbox holds, failures that still stand, and the silences."""

import datetime as dt
import logging
import threading
import time
from collections.abc import Callable, Mapping
from typing import Any, Final

from actions.action import Action
from actions.ledger.file import LedgerFile, LedgerUnavailable
from actions.ledger.schema import Target
from actions.receiver.telling.alertmanager import Alerts, Lifetimes, post_alerts
from actions.receiver.telling.grafana import annotate
from actions.receiver.telling.outbox import MOST_ATTEMPTS, SILENCE, Entry, Outbox, Told
from actions.receiver.telling.run_end import RunEnd, read_run_end, resources_of, standing_failures
from actions.receiver.telling.silence import Silencer
from storekeeper.config import Config
from storekeeper.config.services import Service
from storekeeper.errors import StorekeeperError
from storekeeper.units import Age
from storekeeper.web.outgoing import ServiceFailed

logger = logging.getLogger(__name__)

ROUND_SECONDS: Final = 1.0
# Alertmanager forgets alerts when it restarts; Prometheus says its own again at about this pace.
REMIND_SECONDS: Final = 300.0
STOP_SECONDS: Final = 2.0


class Teller:
    """
    Tells people, beside the work: nothing here can fail or delay an action.

    It has a connection to the ledger of its own. ``start`` takes the address of the page, which is known
    only then. Where the config names nobody to tell, the outbox is emptied and that is all.
    """

    def __init__(
        self,
        config: Config,
        *,
        actions: Mapping[str, Action[Any, Any]],
        now: Callable[[], dt.datetime],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._config = config
        self._file = LedgerFile(config.state)
        self._outbox = Outbox(self._file)
        self._resource_of = resources_of(config, actions=actions)
        self._now = now
        self._clock = clock
        notify = config.receiver.notify
        self._lifetimes = Lifetimes(
            done_seconds=self._seconds(notify.done_for), failed_seconds=self._seconds(notify.failed_for)
        )
        self._page_url = ""
        self._reminded_at: float | None = None
        self._jobs: list[Callable[[], object]] = [self.send_due]
        if config.alertmanager is not None:
            silencer = Silencer(
                self._file,
                service=config.alertmanager,
                shop=config.shop,
                enabled=notify.silence,
                lasts=notify.silence_for,
                now=now,
                count=lambda sent: self._outbox.count(SILENCE, Told.SENT if sent else Told.RETRIED),
                clock=clock,
            )
            # First: whoever is to be spared a message must not get it before.
            self._jobs = [silencer.reconcile, self.send_due, self.remind]
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._work, name="teller", daemon=True)

    def start(self, *, page_url: str) -> None:
        """Begin the rounds."""
        self._page_url = (self._config.receiver.url or page_url).rstrip("/")
        self._thread.start()

    def stop(self) -> None:
        """End; a request that hangs is left behind, and what it told is told again."""
        self._stopped.set()
        self._thread.join(STOP_SECONDS)

    def send_due(self) -> None:
        """Try to tell what is due; raises LedgerUnavailable."""
        failed: set[Target] = set()
        for entry in self._outbox.due(now=self._time()):
            # One that does not answer must not keep the others waiting.
            if entry.target not in failed and not self._send(entry):
                failed.add(entry.target)

    def remind(self) -> None:
        """Say again which actions fail, every REMIND_SECONDS."""
        if self._reminded_at is not None and self._clock() - self._reminded_at < REMIND_SECONDS:
            return
        self._reminded_at = self._clock()
        assert self._config.alertmanager is not None, "a job only where there is one"
        failures = standing_failures(
            self._file,
            since=self._time() - self._lifetimes.failed_seconds,
            resource_of=self._resource_of,
        )
        if failures:
            post_alerts(self._config.alertmanager, [self._alerts().of_failure(one) for one in failures])

    def _send(self, entry: Entry) -> bool:
        """Try to tell one entry; False when the place did not take it now."""
        end = read_run_end(self._file, entry.run, resource_of=self._resource_of)
        tell = self._telling(entry)
        if end is None or not end.actions or tell is None:
            self._outbox.drop(entry)
            return True
        self._outbox.begin(entry, now=self._time())
        try:
            tell(end)
        except StorekeeperError as error:
            if isinstance(error, LedgerUnavailable):
                raise
            hopeless = isinstance(error, ServiceFailed) and error.permanent
            if hopeless or entry.attempts + 1 >= MOST_ATTEMPTS:
                logger.error("the end of run %s is not told to %s: %s", entry.run, entry.target, error)
                self._outbox.close(entry, Told.GIVEN_UP)
            else:
                logger.warning("run %s, %s: %s; tried again", entry.run, entry.target, error.message)
                self._outbox.failed(entry)
            return hopeless
        self._outbox.close(entry, Told.SENT)
        return True

    def _telling(self, entry: Entry) -> Callable[[RunEnd], None] | None:
        """Give the function that tells, None where nobody is to be told."""
        if entry.target is Target.ALERTMANAGER and (alertmanager := self._config.alertmanager) is not None:
            return lambda end: self._alert(end, service=alertmanager)
        if entry.target is Target.GRAFANA and (grafana := self._config.grafana) is not None:
            return lambda end: annotate(
                grafana, end, shop=self._config.shop, page_url=self._page_url, again=entry.attempts > 0
            )
        return None

    def _alert(self, end: RunEnd, *, service: Service) -> None:
        # None where a person cancelled the run before anything was done or failed.
        if alerts := self._alerts().of_run(end, now=self._time()):
            post_alerts(service, alerts)

    def _alerts(self) -> Alerts:
        return Alerts(shop=self._config.shop, page_url=self._page_url, lifetimes=self._lifetimes)

    def _seconds(self, age: Age) -> float:
        now = self._now()
        return (now - age.before(now)).total_seconds()

    def _time(self) -> float:
        return self._now().timestamp()

    def _work(self) -> None:
        while not self._stopped.is_set():
            for job in self._jobs:
                try:
                    job()
                except Exception as error:
                    # The edge of this thread: a full disk passes, and the next round comes.
                    logger.warning("telling goes on after: %s", error, exc_info=True)
            self._stopped.wait(ROUND_SECONDS)
        self._file.close()
