"""The databases: whether they answer, how large they are, and what a VACUUM would give back."""

import time
from collections.abc import Callable
from functools import partial
from typing import Final

from prometheus_client.core import GaugeMetricFamily

from exporter.collectors.collector import Collected
from exporter.flight import Flights
from exporter.sources import Sources
from storekeeper.measure.databases import DatabaseUsage

# How long a scrape waits for all databases.
PATIENCE_SECONDS: Final = 3.5


class DatabasesCollector:
    """Expose size, reclaimable space, limit and reachability of each database."""

    name = "databases"
    waits = True
    jobs = ()

    def __init__(
        self,
        sources: Sources,
        *,
        measure: Callable[[str], DatabaseUsage] | None = None,
        patience_seconds: float = PATIENCE_SECONDS,
    ) -> None:
        self._sources = sources
        self._measure = measure or sources.databases.measure
        self._patience_seconds = patience_seconds
        self._flights: Flights[DatabaseUsage] = Flights()

    def collect(self) -> Collected:
        """Ask every database; those that are down are problems and have ``up`` 0."""
        labels = ("database",)
        up = GaugeMetricFamily(
            "storekeeper_database_up", "1 when the database answers, else 0.", labels=labels
        )
        size = GaugeMetricFamily(
            "storekeeper_database_size_bytes",
            "Bytes that the database takes on disk; of SQLite with its write-ahead log.",
            labels=labels,
        )
        reclaimable = GaugeMetricFamily(
            "storekeeper_database_reclaimable_bytes",
            "Bytes that optimising gives back: free pages (SQLite), an estimate from dead rows (PostgreSQL).",
            labels=labels,
        )
        limit = GaugeMetricFamily(
            "storekeeper_database_limit_bytes", "Configured limit of the database.", labels=labels
        )
        usages = [usage for usage in self._ask_all() if usage.is_kept]
        for usage in usages:
            up.add_metric((usage.name,), int(usage.up))
            for family, value in (
                (size, usage.size_bytes),
                (reclaimable, usage.reclaimable_bytes),
                (limit, usage.limit_bytes),
            ):
                if value is not None:
                    family.add_metric((usage.name,), value)
        problems = tuple(usage.problem for usage in usages if usage.problem)
        return Collected(families=(up, size, reclaimable, limit), problems=problems)

    def _ask_all(self) -> list[DatabaseUsage]:
        """Ask all at the same time; one that hangs is down, and the others are not late for it."""
        until = time.monotonic() + self._patience_seconds
        flights = {
            name: self._flights.ask(name, partial(self._measure, name))
            for name in self._sources.config.databases
        }
        usages = []
        for name, flight in flights.items():
            try:
                usages.append(flight.wait(until=until))
            except TimeoutError as error:
                limit = self._sources.config.databases[name].limit
                problem = f"database {name}: {error}"
                usages.append(DatabaseUsage(name=name, up=False, limit_bytes=limit, problem=problem))
        return usages
