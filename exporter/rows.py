"""How many rows each table has, and how many bytes: counted where that is cheap, else estimated."""

import sqlite3
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

import psycopg
from psycopg import sql

from exporter.named_files import PATIENT_SECONDS, quoted
from storekeeper.databases import DatabaseAddress, Engine, connect_postgresql, connect_sqlite
from storekeeper.databases.sqlite_stand_ins import ask_with_stand_ins, lacks_something

# Tables of the user; the parent of partitions has no rows of its own.
POSTGRESQL_TABLES: Final = """
    SELECT namespace.nspname, class.relname,
           greatest(class.reltuples::bigint, pg_stat_get_live_tuples(class.oid)),
           pg_total_relation_size(class.oid)
      FROM pg_class AS class
      JOIN pg_namespace AS namespace ON namespace.oid = class.relnamespace
     WHERE class.relkind = 'r'
       AND class.relpersistence <> 't'
       AND namespace.nspname <> 'information_schema'
       AND namespace.nspname NOT LIKE 'pg\\_%'
     ORDER BY namespace.nspname, class.relname
"""
POSTGRESQL_ESTIMATE: Final = """
    SELECT greatest(reltuples::bigint, pg_stat_get_live_tuples(oid)) FROM pg_class WHERE oid = %s::regclass
"""
# sqlite_master also lists virtual tables; only ordinary ones hold rows in this file.
SQLITE_TABLES: Final = """
    SELECT name FROM sqlite_master
     WHERE type = 'table' AND name NOT LIKE 'sqlite\\_%' ESCAPE '\\' AND sql NOT LIKE 'CREATE VIRTUAL %'
     ORDER BY name
"""
# The pages of a table and of its indexes; reads the whole file, and not every SQLite can.
SQLITE_SIZES: Final = """
    SELECT master.tbl_name, sum(stat.pgsize)
      FROM dbstat AS stat JOIN sqlite_master AS master ON master.name = stat.name
     WHERE stat.aggregate = TRUE
     GROUP BY master.tbl_name
"""
# Meanwhile a shop without a write-ahead log waits with its commits; below this size that is half a second.
SQLITE_SIZES_TO_BYTES: Final = 256_000_000


@dataclass(frozen=True, kw_only=True)
class TableUsage:
    """
    One table of one database; a PostgreSQL table outside ``public`` is named with its schema.

    ``exact`` tells whether ``rows`` were counted. Bytes are with indexes, None where unknown.
    """

    database: str
    table: str
    rows: int | None
    exact: bool
    size_bytes: int | None


@dataclass(frozen=True, kw_only=True)
class TablesUsage:
    """The tables of all databases, and what could not be measured."""

    tables: tuple[TableUsage, ...]
    problems: tuple[str, ...] = ()


def measure_tables(address: DatabaseAddress, *, exact_rows_below: int) -> Iterator[TableUsage | str]:
    """
    Give each table, or the problem with it.

    Up to ``exact_rows_below`` rows are counted; a larger table costs no more than that and is estimated.
    Raises DatabaseUnavailable.
    """
    if address.engine is Engine.SQLITE:
        yield from _measure_sqlite(address, exact_rows_below)
    else:
        yield from _measure_postgresql(address, exact_rows_below)


def _measure_sqlite(address: DatabaseAddress, limit: int) -> Iterator[TableUsage | str]:
    with connect_sqlite(address) as connection:
        names = [name for (name,) in connection.execute(SQLITE_TABLES).fetchall()]
        sizes: dict[str, int] = {}
        [pages] = connection.execute("PRAGMA page_count").fetchone()
        [page_size] = connection.execute("PRAGMA page_size").fetchone()
        has_sizes = connection.execute(
            "SELECT count(*) FROM pragma_module_list WHERE name = 'dbstat'"
        ).fetchone()[0]
        if has_sizes and pages * page_size <= SQLITE_SIZES_TO_BYTES:
            sizes = dict(connection.execute(SQLITE_SIZES).fetchall())
        for name in names:
            counted: int | None
            try:
                counted, exact = _count_sqlite(connection, name, limit)
            except sqlite3.OperationalError as error:
                if not lacks_something(error):
                    raise
                yield f"table {name} of database {address.name}: {error}"
                counted, exact = None, False
            yield TableUsage(
                database=address.name, table=name, rows=counted, exact=exact, size_bytes=sizes.get(name)
            )


def _count_sqlite(connection: sqlite3.Connection, name: str, limit: int) -> tuple[int, bool]:
    """
    Count the rows up to the limit.

    From there on give the number that ANALYZE saw, else the span of the row numbers.
    """
    try:
        [counted] = connection.execute(
            f"SELECT count(*) FROM (SELECT 1 FROM {quoted(name)} LIMIT ?)", (max(limit, 1),)
        ).fetchone()
    except sqlite3.OperationalError as error:
        if not lacks_something(error):
            raise
        # The keys of a table WITHOUT ROWID may have an order of the shop's own.
        [[counted]] = ask_with_stand_ins(connection, f"SELECT count(*) FROM {quoted(name)}")
        return counted, True
    if counted < limit:
        return counted, True
    if connection.execute("SELECT count(*) FROM sqlite_master WHERE name = 'sqlite_stat1'").fetchone()[0]:
        found = connection.execute(
            "SELECT max(CAST(stat AS INTEGER)) FROM sqlite_stat1 WHERE tbl = ?", (name,)
        ).fetchone()[0]
        if found is not None:
            return max(int(found), counted), False
    table = quoted(name)
    try:
        low, high = connection.execute(
            f"SELECT (SELECT min(rowid) FROM {table}), (SELECT max(rowid) FROM {table})"
        ).fetchone()
    except sqlite3.OperationalError as error:
        if not lacks_something(error):
            raise
        # A table WITHOUT ROWID.
        return counted, False
    return max(int(high or 0) - int(low or 0) + 1, counted), False


def _measure_postgresql(address: DatabaseAddress, limit: int) -> Iterator[TableUsage | str]:
    with connect_postgresql(address, statement_seconds=PATIENT_SECONDS) as connection:
        for schema, name, estimate, size in connection.execute(POSTGRESQL_TABLES).fetchall():
            table = name if schema == "public" else f"{schema}.{name}"
            rows: int | None
            try:
                rows, exact = _count_postgresql(
                    connection, sql.Identifier(schema, name), estimate=estimate, limit=limit
                )
            except psycopg.errors.UndefinedTable:
                # It was dropped since the list was made.
                continue
            except (
                psycopg.errors.QueryCanceled,
                psycopg.errors.LockNotAvailable,
                psycopg.errors.InsufficientPrivilege,
            ) as error:
                yield f"table {table} of database {address.name}: {error.diag.message_primary}"
                rows, exact = (estimate or None), False
            yield TableUsage(database=address.name, table=table, rows=rows, exact=exact, size_bytes=size)


def _count_postgresql(
    connection: "psycopg.Connection[tuple[Any, ...]]", table: sql.Identifier, *, estimate: int, limit: int
) -> tuple[int, bool]:
    """Count the rows up to the limit unless the planner or the statistics know of more."""
    if estimate >= limit:
        return estimate, False
    query = sql.SQL("SELECT count(*) FROM (SELECT 1 FROM {} LIMIT %s) AS counted").format(table)
    found = connection.execute(query, (max(limit, 1),)).fetchone()
    assert found is not None, "an aggregate gives one row"
    return int(found[0]), found[0] < limit


def count_rows(address: DatabaseAddress, *, table: str, exact_rows_below: int) -> int:
    """Give the rows of one table on the search path, counted or estimated; raises DatabaseUnavailable."""
    if address.engine is Engine.SQLITE:
        with connect_sqlite(address) as connection:
            return _count_sqlite(connection, table, exact_rows_below)[0]
    with connect_postgresql(address, statement_seconds=PATIENT_SECONDS) as postgresql:
        found = postgresql.execute(POSTGRESQL_ESTIMATE, (quoted(table),)).fetchone()
        assert found is not None, "a missing table is an error"
        return _count_postgresql(
            postgresql, sql.Identifier(table), estimate=found[0], limit=exact_rows_below
        )[0]
