"""The size of a PostgreSQL database and what a VACUUM would give back, as its server tells."""

from typing import Any, Final

import psycopg

from storekeeper.databases import DatabaseAddress, connect_postgresql
from storekeeper.databases.kept_connections import KeptConnections
from storekeeper.measure.databases import ANSWER_SECONDS, DatabaseUsage

# The rows that a VACUUM would remove, at the average size of a row of their table.
POSTGRESQL_SIZES: Final = """
    SELECT pg_database_size(current_database()),
           (SELECT coalesce(sum(pg_relation_size(relid)::float8 * n_dead_tup / (n_live_tup + n_dead_tup)), 0)
              FROM pg_stat_user_tables
             WHERE n_dead_tup > 0)
"""


def measure_postgresql(
    address: DatabaseAddress, *, limit_bytes: int | None, connections: KeptConnections
) -> DatabaseUsage:
    """Measure a PostgreSQL database, as any role may that may connect to it; raises DatabaseUnavailable."""

    def sizes(connection: "psycopg.Connection[tuple[Any, ...]]") -> DatabaseUsage:
        try:
            row = connection.execute(POSTGRESQL_SIZES).fetchone()
        except (
            psycopg.errors.QueryCanceled,
            psycopg.errors.LockNotAvailable,
            psycopg.errors.InsufficientPrivilege,
        ) as error:
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


def postgresql_bytes(address: DatabaseAddress) -> int:
    """Return the size alone, over a connection that is closed again; raises DatabaseUnavailable."""
    with connect_postgresql(address) as connection:
        row = connection.execute("SELECT pg_database_size(current_database())").fetchone()
    assert row is not None, "a function gives one row"
    return int(row[0])
