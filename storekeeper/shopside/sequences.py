"""Sequences, and the highest keys ever given, as they were: loaddata sets them by the rows that are left."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Sequence


@contextmanager
def exact_names(connection: Any) -> Iterator[None]:
    """Let Django set sequences of tables whose names have an apostrophe, too, which it writes as it is."""
    if connection.vendor != "postgresql":
        yield
        return
    ops = connection.ops
    by_django = ops.sequence_reset_sql

    def sequence_reset_sql(style: Any, model_list: Any) -> list[str]:
        statements: list[str] = []
        for model in model_list:
            table = model._meta.db_table
            if "'" not in table and not any("'" in field.column for field in _counted(model)):
                statements += by_django(style, [model])
                continue
            quote = ops.quote_name
            for field in _counted(model):
                name, column = _literal(quote(table)), _literal(field.column)
                statements.append(
                    f"SELECT setval(pg_get_serial_sequence({name}, {column}),"
                    f" coalesce(max({quote(field.column)}), 1), max({quote(field.column)}) IS NOT NULL)"
                    f" FROM {quote(table)}"
                )
        return statements

    ops.sequence_reset_sql = sequence_reset_sql
    try:
        yield
    finally:
        del ops.sequence_reset_sql


def _counted(model: Any) -> list[Any]:
    from django.db.models import AutoField

    return [field for field in model._meta.local_fields if isinstance(field, AutoField)]


def _literal(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


def set_sequences(connection: Any, sequences: Sequence[dict[str, Any]]) -> list[str]:
    """
    Set each sequence to where it stood; return the names of those that are not there.

    Each has ``name``, ``schema``, ``plain`` (its name there), ``value`` and ``is_called``. SQLite counts only
    for tables that were made with AUTOINCREMENT; those that are not, now, need no count.
    """
    put = _put_sqlite if connection.vendor == "sqlite" else _put_postgresql
    with connection.cursor() as cursor:
        return [one["name"] for one in sequences if not put(cursor, one, quote=connection.ops.quote_name)]


def _put_postgresql(cursor: Any, one: dict[str, Any], *, quote: Any) -> bool:
    cursor.execute("SELECT to_regclass(%s)::oid", [f"{quote(one['schema'])}.{quote(one['plain'])}"])
    (found,) = cursor.fetchone()
    if found is None:
        return False
    cursor.execute("SELECT setval(%s::oid::regclass, %s, %s)", [found, one["value"], one["is_called"]])
    return True


def _put_sqlite(cursor: Any, one: dict[str, Any], *, quote: Any) -> bool:
    cursor.execute("SELECT sql FROM sqlite_master WHERE type = 'table' AND name = %s", [one["plain"]])
    row = cursor.fetchone()
    if row is None:
        return False
    if "AUTOINCREMENT" not in row[0].upper():
        return True
    cursor.execute("DELETE FROM sqlite_sequence WHERE name = %s", [one["plain"]])
    cursor.execute("INSERT INTO sqlite_sequence (name, seq) VALUES (%s, %s)", [one["plain"], one["value"]])
    return True
