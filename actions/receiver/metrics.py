"""The receiver's own metrics, computed from the ledger at each scrape, so that a restart loses none."""

import sqlite3
from collections.abc import Callable, Iterable, Iterator
from typing import Final

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector

from actions.ledger.file import LedgerFile
from actions.ledger.pruning import LAST_SUCCESS
from actions.ledger.schema import Target
from actions.receiver.episodes import STARTS_OR_ENDS, Verdict
from actions.receiver.intake import RECEIVED, SKIPPED, TRUNCATED
from actions.receiver.telling.outbox import NOTIFICATIONS, SILENCE, Told, counter_label
from storekeeper import __version__
from storekeeper.config.watch_families import config_families
from storekeeper.shop_label import with_shop

# A step counts once it has begun to change something; a dry run never does.
_STEPS: Final = """
SELECT action,
       sum(attempts > 0) AS runs,
       sum(steps.state = 'failed' AND attempts > 0) AS failures,
       sum(freed_bytes) AS freed_bytes,
       max(CASE WHEN steps.state = 'done' THEN steps.finished END) AS last_success,
       sum(steps.state = 'running') AS running
FROM steps JOIN runs ON runs.id = steps.run
WHERE NOT runs.dry_run
GROUP BY action
"""

_EXHAUSTED: Final = """
SELECT alertname, resource, sum(exhausted) AS exhausted
FROM episodes WHERE closed IS NULL GROUP BY alertname, resource
"""


class ReceiverCollector(Collector):
    """Metric families from the ledger; each of ``actions`` has its series from the start, all of ``shop``."""

    def __init__(
        self,
        file: LedgerFile,
        *,
        shop: str,
        actions: Iterable[str],
        reloaded: Callable[[], tuple[bool, float]] | None = None,
    ) -> None:
        self._file = file
        self._shop = shop
        self._actions = tuple(actions)
        self._reloaded = reloaded

    def describe(self) -> Iterable[Metric]:
        """Give nothing: the registry must not read the ledger when we are registered."""
        return ()

    def collect(self) -> Iterator[Metric]:
        """Yield the families; raises LedgerUnavailable."""
        return with_shop(self._families(), shop=self._shop)

    def _families(self) -> Iterator[Metric]:
        with self._file.read() as connection:
            families = [
                *_alerts(connection),
                *_runs(connection, actions=self._actions),
                _exhausted(connection),
                _waiting(connection),
            ]
        build = GaugeMetricFamily("storekeeper_build_info", "The running version.", labels=["version"])
        build.add_metric([__version__], 1)
        yield from [*families, build]
        if self._reloaded is not None:
            yield from config_families(*self._reloaded())


def _alerts(connection: sqlite3.Connection) -> Iterator[Metric]:
    counted = {
        (row["name"], row["label"]): row["value"]
        for row in connection.execute("SELECT name, label, value FROM counters")
    }
    yield CounterMetricFamily(
        "storekeeper_alerts_received",
        "Alerts in the messages of Alertmanager.",
        value=counted.get((RECEIVED, ""), 0),
    )
    yield CounterMetricFamily(
        "storekeeper_alerts_truncated",
        "Alerts that Alertmanager cut from its messages.",
        value=counted.get((TRUNCATED, ""), 0),
    )
    skipped = CounterMetricFamily(
        "storekeeper_alerts_skipped", "Alerts that started nothing, by reason.", labels=["reason"]
    )
    for verdict in Verdict:
        if verdict not in STARTS_OR_ENDS:
            skipped.add_metric([verdict], counted.get((SKIPPED, verdict), 0))
    yield skipped
    told = CounterMetricFamily(
        "storekeeper_notifications",
        "What was told about runs, by where (alertmanager, grafana, silence) and what came of the attempt.",
        labels=["target", "outcome"],
    )
    for target in (*Target, SILENCE):
        for outcome in Told:
            told.add_metric(
                [target, outcome], counted.get((NOTIFICATIONS, counter_label(target, outcome)), 0)
            )
    yield told


def _runs(connection: sqlite3.Connection, *, actions: tuple[str, ...]) -> Iterator[Metric]:
    rows = {row["action"]: row for row in connection.execute(_STEPS)}
    forgotten = {
        (row["name"], row["label"]): row["value"]
        for row in connection.execute("SELECT * FROM counters WHERE name LIKE 'forgotten!_%' ESCAPE '!'")
    }
    names = sorted({*actions, *rows, *(action for _, action in forgotten)})
    for column, name, text in (
        ("runs", "storekeeper_action_runs", "Actions that were begun."),
        ("failures", "storekeeper_action_failures", "Actions that failed."),
        ("freed_bytes", "storekeeper_action_freed_bytes", "Bytes that actions freed."),
    ):
        counter = CounterMetricFamily(name, text, labels=["action"])
        for action in names:
            present = (rows[action][column] or 0) if action in rows else 0
            counter.add_metric([action], present + forgotten.get((f"forgotten_{column}", action), 0))
        yield counter
    success = GaugeMetricFamily(
        "storekeeper_action_last_success_timestamp_seconds",
        "When the action last succeeded.",
        labels=["action"],
    )
    running = GaugeMetricFamily(
        "storekeeper_action_running", "Runs of the action that are going on.", labels=["action"]
    )
    for action in names:
        row = rows.get(action)
        running.add_metric([action], (row["running"] or 0) if row else 0)
        last_success = row["last_success"] if row else None
        if last_success is None:
            last_success = forgotten.get((LAST_SUCCESS, action))
        if last_success is not None:
            success.add_metric([action], last_success)
    yield from (success, running)


def _exhausted(connection: sqlite3.Connection) -> Metric:
    exhausted = GaugeMetricFamily(
        "storekeeper_episodes_exhausted",
        "Open episodes whose budget of runs is spent.",
        labels=["alertname", "resource"],
    )
    for row in connection.execute(_EXHAUSTED):
        exhausted.add_metric([row["alertname"], row["resource"]], row["exhausted"])
    return exhausted


def _waiting(connection: sqlite3.Connection) -> Metric:
    row = connection.execute("SELECT count(*) AS waiting FROM runs WHERE state = 'waiting'").fetchone()
    return GaugeMetricFamily(
        "storekeeper_runs_waiting", "Runs that wait for a person's approval.", value=row["waiting"]
    )
