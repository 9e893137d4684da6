"""The databases: whether they answer, how large they are, and what a VACUUM would give back."""

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import psycopg

from storekeeper.databases import DatabaseAddress, connect_sqlite
from storekeeper.databases.kept_connections import KeptConnections
from storekeeper.errors import DatabaseUnavailable

# The rows that a VACUUM would remove, at the average size of a row of their table.
POSTGRESQL_SIZES: Final = """
    SELECT pg_database_size(current_database()),
           (SELECT coalesce(sum(pg_relation_size(relid)::float8 * n_dead_tup / (n_live_tup + n_dead_tup)), 0)
              FROM pg_stat_user_tables
             WHERE n_dead_tup > 0)
"""
# How long a database may take to answer.
ANSWER_SECONDS: Final = 3.0
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
