"""
Have the rows of some tables changed? Asked of what a database keeps anyway, so that no row is read.

A version that is the same as before means: the rows are the same. No version (None) means: nobody can say. It
must be taken before the rows are read; a change between the two then shows as another version the next time.
"""

import os
import time
from collections.abc import Callable, Collection, Hashable
from typing import Final

from exporter.named_files import PATIENT_SECONDS
from storekeeper.databases import DatabaseAddress, Engine, connect_postgresql, connect_sqlite

# A file that changed so shortly before it was looked at may change again within the same tick of its clock.
SETTLE_SECONDS: Final = 2.0
SQLITE_FILES: Final = ("", "-wal", "-journal")
# Before 15, a session that rested could keep back what it had counted, and the collector could lose it.
POSTGRESQL_THAT_COUNTS: Final = 150_000
# Tables whose rows are all counted under their own name; the file changes when a table is emptied.
POSTGRESQL_COUNTS: Final = """
    SELECT wanted.name, class.oid, class.relfilenode,
           class.relkind = 'r'
             AND NOT EXISTS (SELECT 1 FROM pg_inherits WHERE inhparent = class.oid)
             AND current_setting('track_counts')::boolean AND NOT pg_is_in_recovery(),
           pg_stat_get_tuples_inserted(class.oid), pg_stat_get_tuples_updated(class.oid),
           pg_stat_get_tuples_deleted(class.oid)
      FROM unnest(%s::text[]) AS wanted (name)
      LEFT JOIN pg_class AS class ON class.oid = to_regclass(quote_ident(wanted.name))
     ORDER BY wanted.name
"""
# The same of every table, with its parents and partitions; what a foreign table holds is counted elsewhere.
POSTGRESQL_COUNTS_OF_ALL: Final = """
    SELECT class.relkind IN ('r', 'p', 'm')
             AND current_setting('track_counts')::boolean AND NOT pg_is_in_recovery(),
           class.oid, class.relfilenode,
           pg_stat_get_tuples_inserted(class.oid), pg_stat_get_tuples_updated(class.oid),
           pg_stat_get_tuples_deleted(class.oid)
      FROM pg_class AS class JOIN pg_namespace AS namespace ON namespace.oid = class.relnamespace
     WHERE class.relkind IN ('r', 'p', 'm', 'f') AND class.relpersistence <> 't'
       AND namespace.nspname <> 'information_schema' AND namespace.nspname NOT LIKE 'pg\\_%'
     ORDER BY class.oid
"""


def tables_version(
    address: DatabaseAddress, *, tables: Collection[str], clock: Callable[[], float] = time.time
) -> Hashable:
    """
    Give the version of the rows of these tables, None where it cannot be told; raises DatabaseUnavailable.

    A PostgreSQL session tells its changes within seconds after its commit, not in the commit itself.
    """
    if address.engine is Engine.SQLITE:
        return sqlite_version(address, clock=clock)
    with connect_postgresql(address, statement_seconds=PATIENT_SECONDS) as connection:
        if connection.info.server_version < POSTGRESQL_THAT_COUNTS:
            return None
        rows = connection.execute(POSTGRESQL_COUNTS, (sorted(tables),)).fetchall()
    # A table that is missing is as good as one that tells its changes: it has none.
    return tuple(rows) if all(told for _, oid, _, told, *_ in rows if oid is not None) else None


def database_version(address: DatabaseAddress, *, clock: Callable[[], float] = time.time) -> Hashable:
    """Give the version of all that the database holds, None where it cannot be told."""
    if address.engine is Engine.SQLITE:
        return sqlite_version(address, clock=clock)
    with connect_postgresql(address, statement_seconds=PATIENT_SECONDS) as connection:
        if connection.info.server_version < POSTGRESQL_THAT_COUNTS:
            return None
        rows = connection.execute(POSTGRESQL_COUNTS_OF_ALL).fetchall()
    return tuple(rows) if all(told for told, *_ in rows) else None


def sqlite_version(address: DatabaseAddress, *, clock: Callable[[], float]) -> Hashable:
    """Give the identity, size and time of the database's files; None where they changed just now."""
    found = []
    for suffix in SQLITE_FILES:
        try:
            status = os.stat(f"{address.path}{suffix}")  # noqa: PTH116 - the name is the path with a suffix
        except FileNotFoundError:
            continue
        if status.st_mtime >= clock() - SETTLE_SECONDS:
            return None
        found.append((suffix, status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns))
    return tuple(found) or None


def has_table(address: DatabaseAddress, *, table: str) -> bool:
    """Tell whether the database has a table or a view of that name; raises DatabaseUnavailable."""
    if address.engine is Engine.SQLITE:
        with connect_sqlite(address) as connection:
            query = "SELECT count(*) FROM sqlite_master WHERE name = ?"
            return bool(connection.execute(query, (table,)).fetchone()[0])
    with connect_postgresql(address) as postgresql:
        found = postgresql.execute("SELECT to_regclass(quote_ident(%s)) IS NOT NULL", (table,)).fetchone()
        assert found is not None, "a function gives one row"
        return bool(found[0])
