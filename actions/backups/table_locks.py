"""Lock the tables of a database as every reader does, so that none changes its shape while it is dumped."""

from collections.abc import Mapping
from typing import Final

import psycopg
from psycopg import sql

from storekeeper.databases import DatabaseAddress
from storekeeper.errors import DatabaseUnavailable

# Of other roles a plain user sees the number of the process alone.
_HOLDERS: Final = """
    SELECT l.pid, a.application_name, a.state, round(extract(epoch FROM clock_timestamp() - a.xact_start))
    FROM pg_locks l LEFT JOIN pg_stat_activity a ON a.pid = l.pid
    WHERE l.granted AND l.relation = to_regclass(%s) AND l.mode = 'AccessExclusiveLock'
      AND l.database = (SELECT oid FROM pg_database WHERE datname = current_database())
"""


def lock_tables(
    connection: "psycopg.Connection[tuple[object, ...]]",
    tables: Mapping[str, sql.Identifier],
    *,
    address: DatabaseAddress,
) -> None:
    """
    Lock each table within the transaction that is open; one that is gone meanwhile is passed over.

    Raises DatabaseUnavailable, naming table and holder, for one that stays locked for the connection's
    lock_timeout.
    """
    for name, table in tables.items():
        try:
            with connection.transaction():
                connection.execute(sql.SQL("LOCK TABLE {} IN ACCESS SHARE MODE").format(table))
        except psycopg.errors.UndefinedTable:
            continue
        except psycopg.errors.LockNotAvailable:
            holders = connection.execute(_HOLDERS, [table.as_string(connection)]).fetchall()
            told = ", ".join(_told(*row) for row in holders)
            raise DatabaseUnavailable(
                f"database {address.name} ({address.label}): table {name} is locked"
                + (f" by {told}" if told else " by another process"),
                hint="Is a migration or an open transaction hanging? SELECT * FROM pg_stat_activity shows it."
                " Try again when it has ended",
            ) from None


def _told(process: object, program: object, state: object, seconds: object) -> str:
    words = [str(word) for word in (program, state) if word]
    if seconds is not None:
        words.append(f"for {seconds} s")
    return f"process {process}" + (f" ({', '.join(words)})" if words else "")
