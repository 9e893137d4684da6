"""Values that this database took and the tables that migrate makes refuse, after a change by hand."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any


def drift(connection: Any) -> dict[str, str]:
    """
    Return by ``table.column`` how many values there are that the models forbid, and how.

    Only what the database itself does not forbid is looked for, so in a schema that is as migrations made it
    no row is read. Within a transaction.
    """
    from .present import present_tables
    from .table_columns import tried

    found: dict[str, str] = {}
    for model, table in present_tables(connection).items():
        if table.is_view:
            continue
        for field, query, told in _allowed(model, table, connection=connection):
            row, _ = tried(connection, query)
            if row and row[0]:
                name = f"{table.name}.{field.column}"
                said = f"{row[0]} values are {told}"
                found[name] = f"{found[name]}; {said}" if name in found else said
    return found


def _allowed(model: Any, table: Any, *, connection: Any) -> Iterator[tuple[Any, str, str]]:
    """Yield each field, the query that counts rows that it forbids and its table does not, and their kind."""
    quote = connection.ops.quote_name
    with connection.cursor() as cursor:
        columns = _columns(cursor, table, vendor=connection.vendor)
        unique = _unique(cursor, table, vendor=connection.vendor)
    for field in model._meta.local_fields:
        if field.column not in columns or getattr(field, "generated", False):
            continue
        nullable, longest = columns[field.column]
        name = quote(field.column)
        if nullable and not field.null:
            yield (
                field,
                f"SELECT count(*) FROM {table.sql} WHERE {name} IS NULL",
                "NULL, where the models have NOT NULL",
            )
        size = field.max_length
        declared = field.db_type(connection) or ""
        if connection.vendor == "postgresql" and declared == f"varchar({size})" and longest != size:
            query = f"SELECT count(*) FROM {table.sql} WHERE length({name}::text) > {int(size)}"
            yield field, query, f"longer than the {declared} of the models"
        if field.unique and field.column not in unique:
            same = f"FROM {table.sql} WHERE {name} IS NOT NULL GROUP BY {name} HAVING count(*) > 1"
            yield (
                field,
                f"SELECT sum(n) FROM (SELECT count(*) AS n {same}) x",
                "there more than once, where the models have UNIQUE",
            )


def _columns(cursor: Any, table: Any, *, vendor: str) -> dict[str, tuple[bool, int]]:
    """Return by column whether it takes NULL, and the length of a varchar, 0 for others."""
    if vendor == "sqlite":
        cursor.execute(f"PRAGMA table_info({table.sql})")
        # A key of whole numbers is the row's number and never NULL.
        return {row[1]: (not row[3] and not row[5], 0) for row in cursor.fetchall()}
    cursor.execute(
        "SELECT attname, NOT attnotnull,"
        " CASE WHEN atttypid = 'varchar'::regtype THEN atttypmod - 4 ELSE 0 END"
        " FROM pg_catalog.pg_attribute WHERE attrelid = %s::oid AND attnum > 0 AND NOT attisdropped",
        [table.oid],
    )
    return {row[0]: (row[1], row[2]) for row in cursor.fetchall()}


def _unique(cursor: Any, table: Any, *, vendor: str) -> set[str]:
    """Return the columns of which each value can be there once."""
    if vendor == "sqlite":
        cursor.execute(
            "SELECT min(c.name) FROM pragma_index_list(%s) l JOIN pragma_index_info(l.name) c"
            ' WHERE l."unique" AND NOT l.partial GROUP BY l.name HAVING count(*) = 1'
            " UNION SELECT name FROM pragma_table_info(%s) WHERE pk",
            [table.table, table.table],
        )
    else:
        cursor.execute(
            "SELECT a.attname FROM pg_catalog.pg_index i JOIN pg_catalog.pg_attribute a"
            " ON a.attrelid = i.indrelid AND a.attnum = i.indkey[0]"
            " WHERE i.indrelid = %s::oid AND i.indisunique AND i.indnatts = 1 AND i.indpred IS NULL",
            [table.oid],
        )
    return {row[0] for row in cursor.fetchall()}
