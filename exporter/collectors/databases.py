"""The databases: whether they answer, how large they are, and what a VACUUM would give back."""

import os
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Final

import psycopg
from prometheus_client.core import GaugeMetricFamily

from exporter.collectors.collector import Collected
from exporter.flight import Flights
from exporter.kept_connections import KeptConnections
from exporter.sources import Sources
from storekeeper.databases import DatabaseAddress, Engine, connect_sqlite
from storekeeper.errors import DatabaseUnavailable, StorekeeperError

# The rows that a VACUUM would remove, at the average size of a row of their table.
POSTGRESQL_SIZES: Final = """
    SELECT pg_database_size(current_database()),
           (SELECT coalesce(sum(pg_relation_size(relid)::float8 * n_dead_tup / (n_live_tup + n_dead_tup)), 0)
              FROM pg_stat_user_tables
             WHERE n_dead_tup > 0)
"""
# How long a database may take to answer a scrape, and how long a scrape waits for all of them.
ANSWER_SECONDS: Final = 3.0
PATIENCE_SECONDS: Final = 3.5
# The files that SQLite keeps beside a database in use.
SQLITE_COMPANIONS: Final = ("-wal", "-shm")


@dataclass(frozen=True, kw_only=True)
class DatabaseUsage:
    """
    One database, in bytes. ``up`` tells whether it answered, ``problem`` what is missing if anything.

    ``size_bytes`` is what it takes on disk; of an SQLite file it is known even when the database does
    not answer. ``reclaimable_bytes`` are unused pages (SQLite) or an estimate from dead rows (PostgreSQL).
    """

    name: str
    up: bool
    limit_bytes: int | None = None
    size_bytes: int | None = None
    reclaimable_bytes: int | None = None
    problem: str = ""


def sqlite_size(path: Path) -> int | None:
    """Give the bytes of the file with its write-ahead log, None where there is no file."""
    sizes = []
    for suffix in ("", *SQLITE_COMPANIONS):
        try:
            sizes.append(os.stat(f"{path}{suffix}").st_size)  # noqa: PTH116 - the name is the path with a suffix
        except OSError:
            if not suffix:
                return None
    return sum(sizes)


def measure_sqlite(address: DatabaseAddress, *, limit_bytes: int | None) -> DatabaseUsage:
    """Measure an SQLite file."""
    size = sqlite_size(address.path) if address.path else None
    reclaimable = None
    problem = ""
    try:
        with connect_sqlite(address, timeout_seconds=ANSWER_SECONDS) as connection:
            # Reading the schema proves that this is a database; the pragmas alone would not.
            connection.execute("SELECT count(*) FROM sqlite_master").fetchone()
            [page_size] = connection.execute("PRAGMA page_size").fetchone()
            [free_pages] = connection.execute("PRAGMA freelist_count").fetchone()
            reclaimable = page_size * free_pages
    except DatabaseUnavailable as error:
        problem = str(error)
    return DatabaseUsage(
        name=address.name,
        up=not problem,
        limit_bytes=limit_bytes,
        size_bytes=size,
        reclaimable_bytes=reclaimable,
        problem=problem,
    )


def measure_postgresql(
    address: DatabaseAddress, *, limit_bytes: int | None, connections: KeptConnections
) -> DatabaseUsage:
    """Measure a PostgreSQL database; a role that may connect to it may ask this."""

    def sizes(connection: "psycopg.Connection[tuple[Any, ...]]") -> DatabaseUsage:
        try:
            row = connection.execute(POSTGRESQL_SIZES).fetchone()
        except (psycopg.errors.QueryCanceled, psycopg.errors.InsufficientPrivilege) as error:
            problem = f"database {address.name}: its size: {error.diag.message_primary}"
            return DatabaseUsage(name=address.name, up=True, limit_bytes=limit_bytes, problem=problem)
        assert row is not None, "an aggregate gives one row"
        return DatabaseUsage(
            name=address.name,
            up=True,
            limit_bytes=limit_bytes,
            size_bytes=int(row[0]),
            reclaimable_bytes=int(row[1]),
        )

    return connections.ask(address, sizes, timeout_seconds=ANSWER_SECONDS)


def measure_database(name: str, *, sources: Sources) -> DatabaseUsage:
    """Measure one configured database; what goes wrong is its ``problem``, never another database's."""
    limit = sources.config.databases[name].limit
    try:
        address = sources.address(name)
        if address.engine is Engine.SQLITE:
            return measure_sqlite(address, limit_bytes=limit)
        return measure_postgresql(address, limit_bytes=limit, connections=sources.connections)
    except StorekeeperError as error:
        return DatabaseUsage(name=name, up=False, limit_bytes=limit, problem=str(error))


def measure_databases(sources: Sources) -> tuple[DatabaseUsage, ...]:
    """Measure every configured database."""
    return tuple(measure_database(name, sources=sources) for name in sources.config.databases)


class DatabasesCollector:
    """Expose size, reclaimable space, limit and reachability of each database."""

    name = "databases"
    waits = True
    jobs = ()

    def __init__(
        self,
        sources: Sources,
        *,
        measure: Callable[..., DatabaseUsage] = measure_database,
        patience_seconds: float = PATIENCE_SECONDS,
    ) -> None:
        self._sources = sources
        self._measure = measure
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
        usages = self._ask_all()
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
            name: self._flights.ask(name, partial(self._measure, name, sources=self._sources))
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
