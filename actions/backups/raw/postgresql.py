"""Raw sums of a PostgreSQL database: the server writes each value as text, in fixed styles, and hashes it."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, Final

import psycopg
from psycopg import sql

from actions.backups.raw.catalog import named_objects
from actions.backups.raw.hashes import CELLS, LARGEST, as_table
from storekeeper.backups.raw_sums import USER_MAPPINGS
from storekeeper.backups.table_names import table_name

# Whatever the role or the database has set: equal values must have equal texts.
_STYLES: Final = (
    "SET LOCAL search_path = pg_catalog",
    "SET LOCAL TimeZone = 'UTC'",
    "SET LOCAL DateStyle = 'ISO, YMD'",
    "SET LOCAL IntervalStyle = 'postgres'",
    "SET LOCAL extra_float_digits = 3",
    "SET LOCAL bytea_output = 'hex'",
    "SET LOCAL lc_monetary = 'C'",
    "SET LOCAL statement_timeout = 0",
    "SET LOCAL idle_in_transaction_session_timeout = 0",
    "SET LOCAL lock_timeout = '20s'",
    # Rows that a policy would hide are an error instead.
    "SET LOCAL row_security = off",
)
_TABLES: Final = """
    SELECT c.oid, n.nspname, c.relname FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
    WHERE c.relkind IN ('r', 'p') AND c.relpersistence <> 't' AND n.nspname <> 'information_schema'
      AND n.nspname NOT LIKE 'pg\\_%'
      AND NOT EXISTS (SELECT FROM pg_depend d WHERE d.classid = 'pg_class'::regclass AND d.objid = c.oid
                                                AND d.deptype = 'e')
    ORDER BY 2, 3
"""
_COLUMNS: Final = """
    SELECT a.attrelid, a.attname, coalesce(array_position(i.indkey::int2[], a.attnum), -1)
    FROM pg_attribute a LEFT JOIN pg_index i ON i.indrelid = a.attrelid AND i.indisprimary
    WHERE a.attrelid = ANY(%s) AND a.attnum > 0 AND NOT a.attisdropped
    ORDER BY a.attrelid, a.attnum
"""
_SEQUENCES: Final = """
    SELECT n.nspname, c.relname, s.seqincrement, tn.nspname, t.relname, a.attname
    FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace JOIN pg_sequence s ON s.seqrelid = c.oid
    LEFT JOIN pg_depend d ON d.classid = 'pg_class'::regclass AND d.objid = c.oid
      AND d.refclassid = 'pg_class'::regclass AND d.deptype IN ('a', 'i')
    LEFT JOIN pg_class t ON t.oid = d.refobjid
    LEFT JOIN pg_namespace tn ON tn.oid = t.relnamespace
    LEFT JOIN pg_attribute a ON a.attrelid = t.oid AND a.attnum = d.refobjsubid
    WHERE c.relpersistence <> 't' AND n.nspname NOT LIKE 'pg\\_%' AND n.nspname <> 'information_schema'
    ORDER BY 1, 2
"""
# The rows of a partition are those of the table that it is a part of.
_PARTITIONS: Final = """
    SELECT n.nspname, c.relname FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
    WHERE c.relkind IN ('r', 'p') AND c.relispartition
"""
# What lies in a database beside rows and sequences.
_OTHERS: Final = (
    (USER_MAPPINGS, "SELECT count(*) FROM pg_user_mappings"),
    ("large objects", "SELECT count(*) FROM pg_largeobject_metadata"),
    (
        "tables and sequences with grants of their own",
        "SELECT count(*) FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace"
        " WHERE c.relacl IS NOT NULL AND n.nspname NOT LIKE 'pg\\_%' AND n.nspname <> 'information_schema'",
    ),
)
_NULL: Final = 1193046
_MIXED: Final = (1, 5)
"""Column number n counts 1 + 5n times in the hash of a row."""


def enter_snapshot(
    connection: "psycopg.Connection[tuple[Any, ...]]", *, snapshot: str = "", role: str = ""
) -> None:
    """
    Begin the transaction, in the moment that another session exported; ``""`` is a moment of our own.

    ``role`` is the one that the shop assumes after its login.
    """
    connection.execute("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY")
    if snapshot:
        connection.execute(sql.SQL("SET TRANSACTION SNAPSHOT {}").format(sql.Literal(snapshot)))
    if role:
        connection.execute(sql.SQL("SET LOCAL ROLE {}").format(sql.Identifier(role)))


def postgresql_sums(
    connection: "psycopg.Connection[tuple[Any, ...]]", *, between: Callable[[], None] = lambda: None
) -> dict[str, Any]:
    """
    Return the raw sums of the database, as RawSums has them, within the caller's transaction.

    A table that cannot be read, or whose rows a policy hides from this role, is named with the reason.
    ``between`` is called before each table. Raises psycopg.Error.
    """
    for style in _STYLES:
        connection.execute(style)
    tables: dict[str, Any] = {}
    unread: dict[str, str] = {}
    for schema, table, columns, key in _tables(connection):
        between()
        name = table_name(schema, table)
        try:
            with connection.transaction():
                tables[name] = _table_sums(connection, schema, table, columns=columns, key=key)
        except (
            psycopg.errors.InsufficientPrivilege,
            psycopg.errors.UndefinedTable,
            psycopg.errors.LockNotAvailable,
            psycopg.errors.ProgramLimitExceeded,
        ) as error:
            unread[name] = error.diag.message_primary or str(error)
    return {
        "method": "postgresql-hashtext-1",
        "tables": tables,
        "unread": unread,
        # A sequence belongs to no moment; read after the rows it never stands behind them.
        "sequences": sequences_of(connection),
        "others": {**_others(connection), **named_objects(connection)},
        "partitions": [table_name(*found) for found in connection.execute(_PARTITIONS).fetchall()],
    }


def keys_of(
    connection: "psycopg.Connection[tuple[Any, ...]]", table: str, *, numbers: frozenset[int]
) -> Iterator[tuple[int, str]]:
    """Yield the numbers that rows of the table have, each with the row's key as a person writes it."""
    for schema, plain, columns, key in _tables(connection):
        if table_name(schema, plain) == table and key:
            query = sql.SQL(
                "SELECT number, key FROM (SELECT {} AS number, concat_ws(', ', {}) AS key FROM {}) x"
                " WHERE number IN ({})"
            ).format(
                _number(columns, key),
                sql.SQL(", ").join(map(_text, key)),
                sql.Identifier(schema, plain),
                # No parameters: a column's name may have a percent sign.
                sql.SQL(", ").join(map(sql.Literal, numbers)),
            )
            for number, found in connection.execute(query):
                yield number, str(found)


def _tables(
    connection: "psycopg.Connection[tuple[Any, ...]]",
) -> list[tuple[str, str, list[str], list[str]]]:
    """Return schema, name, columns and key of each table."""
    found = connection.execute(_TABLES).fetchall()
    columns: dict[int, list[str]] = {}
    keys: dict[int, list[tuple[int, str]]] = {}
    for table, column, place in connection.execute(_COLUMNS, [[oid for oid, _, _ in found]]).fetchall():
        columns.setdefault(table, []).append(column)
        if place >= 0:
            keys.setdefault(table, []).append((place, column))
    return [
        (schema, name, columns.get(oid, []), [column for _, column in sorted(keys.get(oid, []))])
        for oid, schema, name in found
    ]


def _table_sums(
    connection: "psycopg.Connection[tuple[Any, ...]]",
    schema: str,
    table: str,
    *,
    columns: Sequence[str],
    key: Sequence[str],
) -> dict[str, Any]:
    names = [sql.Identifier(f"h{place}") for place in range(len(columns))]
    hashes = [
        sql.SQL("coalesce(hashtext({}), {})::bigint AS {}").format(_text(column), _NULL, name)
        for column, name in zip(columns, names, strict=True)
    ]
    first, more = _MIXED
    row = [sql.SQL("{} * {}").format(name, first + more * place) for place, name in enumerate(names)]
    # OFFSET 0 keeps the server from computing the same hash once for each sum that it goes into.
    query = sql.SQL(
        "SELECT number / 2 % {cells}, count(*), sum(whole), sum(whole * number){sums} FROM ("
        "SELECT x.*, ({row}) & {largest} AS whole FROM ("
        "SELECT {number} AS number{hashes} FROM {table} OFFSET 0) x OFFSET 0) y GROUP BY 1"
    ).format(
        cells=CELLS,
        largest=LARGEST + 1,
        row=sql.SQL(" + ").join(row) if row else sql.SQL("0::bigint"),
        number=_number(columns, key),
        hashes=sql.SQL("").join(sql.SQL(", {}").format(one) for one in hashes),
        sums=sql.SQL("").join(sql.SQL(", sum({0}), sum({0} * number)").format(one) for one in names),
        table=sql.Identifier(schema, table),
    )
    rows = 0
    sums = [[0, 0] for _ in columns]
    cells: dict[int, list[int]] = {}
    for cell, count, whole, product, *found in connection.execute(query).fetchall():
        rows += count
        cells[int(cell)] = [count, int(whole), int(product)]
        for place, pair in enumerate(sums):
            pair[0] += int(found[2 * place])
            pair[1] += int(found[2 * place + 1])
    return as_table(columns, key=key, rows=rows, sums=sums, cells=cells)


def _text(column: str) -> sql.Composed:
    # In the order of bytes: under some collations different texts count as equal.
    return sql.SQL('{}::text COLLATE "C"').format(sql.Identifier(column))


def _number(columns: Sequence[str], key: Sequence[str]) -> sql.Composed:
    """Return the expression of a row's number."""
    if len(key) == 1:
        text = _text(key[0])
    else:
        names = sql.SQL(", ").join(map(sql.Identifier, key or columns))
        text = sql.SQL('ROW({})::text COLLATE "C"').format(names)
    return sql.SQL("((coalesce(hashtext({}), 0)::bigint & {}) + 1)").format(text, LARGEST)


def sequences_of(connection: "psycopg.Connection[tuple[Any, ...]]") -> dict[str, Any]:
    """Return where each sequence stands now, as RawSums has it; one that may not be read is not named."""
    found = connection.execute(_SEQUENCES).fetchall()
    sequences: dict[str, Any] = {}
    for schema, name, step, owner_schema, table, column in found:
        place = sql.Identifier(schema, name)
        try:
            with connection.transaction():
                query = sql.SQL("SELECT last_value, is_called FROM {}").format(place)
                row = connection.execute(query).fetchone()
                highest = None
                if table:
                    query = sql.SQL("SELECT max({}) FROM {}").format(
                        sql.Identifier(column), sql.Identifier(owner_schema, table)
                    )
                    highest = (connection.execute(query).fetchone() or [None])[0]
        except (psycopg.errors.InsufficientPrivilege, psycopg.errors.UndefinedTable):
            continue
        assert row is not None, "a sequence has one row"
        sequences[table_name(schema, name)] = {
            "value": row[0],
            "is_called": row[1],
            "step": step,
            "owner": table_name(owner_schema, table) if table else "",
            "highest": highest if isinstance(highest, int) else None,
        }
    return sequences


def _others(connection: "psycopg.Connection[tuple[Any, ...]]") -> Mapping[str, int]:
    others = {}
    for name, query in _OTHERS:
        row = connection.execute(query).fetchone()
        if row and row[0]:
            others[name] = int(row[0])
    return others
