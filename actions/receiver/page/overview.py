"""Everything that the first page shows, gathered: levels, needs, alerts, runs, backups, actions, schedule."""

import datetime as dt
from collections.abc import Callable, Mapping
from typing import Any, Final

from actions.action import Action
from actions.ledger.history import find_run, list_runs
from actions.ledger.ledger import Ledger
from actions.ledger.schema import RunState
from actions.receiver.page.alerts import MOST_SHOWN as MOST_ALERTS
from actions.receiver.page.alerts import read_alerts
from actions.receiver.page.gauges import GaugeKeeper, read_gauges
from actions.receiver.page.needs import find_needs
from actions.receiver.page.offers import read_offers
from actions.receiver.page.shown_backups import MOST_SHOWN as MOST_BACKUPS
from actions.receiver.page.shown_backups import read_backups, read_freshness
from actions.receiver.page.texts import parse_moment
from actions.schedules import Scheduler
from storekeeper.config import Config, Playbook
from storekeeper.measure.usage import UsageReader

SHOWN_RUNS: Final = 10
# Failures are looked for among more runs than are shown.
_LOOKED_THROUGH: Final = 100


class Overview:
    """Gathers the values for the first page's template."""

    def __init__(
        self,
        config: Config,
        *,
        ledger: Ledger,
        usage: UsageReader,
        scheduler: Scheduler,
        actions: Mapping[str, Action[Any, Any]],
        playbooks: Mapping[str, Playbook],
        now: Callable[[], dt.datetime],
    ) -> None:
        self._config = config
        self._ledger = ledger
        self._scheduler = scheduler
        self._actions = actions
        self._playbooks = playbooks
        self._now = now
        self._gauges = GaugeKeeper(lambda: read_gauges(usage), now=now)

    def values(self) -> dict[str, Any]:
        """Give the template's values; raises LedgerUnavailable."""
        file, now = self._ledger.file, self._now()
        runs = list_runs(file, most=_LOOKED_THROUGH)
        running = [
            found
            for state in (RunState.RUNNING, RunState.ACCEPTED)
            for run in list_runs(file, most=SHOWN_RUNS, state=state)
            if (found := find_run(file, run["id"]))
        ]
        with file.read() as connection:
            (open_runs,) = connection.execute(
                "SELECT count(*) FROM runs WHERE state IN (?, ?)", (RunState.RUNNING, RunState.ACCEPTED)
            ).fetchone()
        waiting = list_runs(file, most=SHOWN_RUNS, state=RunState.WAITING)
        ended = [parse_moment(run["finished"]) for run in runs if run["finished"] and not run["dry_run"]]
        alerts = read_alerts(file, config=self._config, playbooks=self._playbooks)
        backups = read_backups(self._config.backups.path, shop=self._config.shop)
        freshness = read_freshness(backups, now=now)
        due = self._scheduler.next_due()
        reading = self._gauges.latest(changed=max(ended, default=None))
        needs = find_needs(
            waiting=waiting, alerts=alerts, runs=runs, gauges=reading.gauges, freshness=freshness, now=now
        )
        return {
            "reading": reading,
            "needs": needs,
            "running": running,
            "open_runs": open_runs,
            "alerts": alerts[:MOST_ALERTS],
            "more_alerts": max(0, len(alerts) - MOST_ALERTS),
            "runs": runs[:SHOWN_RUNS],
            "more_runs": len(runs) > SHOWN_RUNS,
            "backups": backups[:MOST_BACKUPS],
            "more_backups": max(0, len(backups) - MOST_BACKUPS),
            "freshness": freshness,
            "offers": read_offers(self._actions, file=file, due=due),
            "due": sorted(due.items(), key=lambda one: one[1]),
            "seconds": 3 if running else 10,
        }
