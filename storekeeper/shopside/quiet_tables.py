"""Triggers and rules that migrations made: none runs while rows are loaded, and all are as before then."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Sequence

from .present import present_tables, quoted

# Tables before their partitions: older servers carry the word for a table on to them.
_POSTGRESQL = """
    WITH RECURSIVE wanted (oid) AS (
        SELECT unnest(%s::oid[])
        UNION SELECT i.inhrelid FROM pg_catalog.pg_inherits i JOIN wanted ON wanted.oid = i.inhparent),
    found (relation, what, name, enabled) AS (
        SELECT tgrelid, 'TRIGGER', tgname, tgenabled FROM pg_catalog.pg_trigger WHERE NOT tgisinternal
        UNION ALL
        SELECT ev_class, 'RULE', rulename, ev_enabled FROM pg_catalog.pg_rewrite WHERE ev_type <> '1')
    SELECT n.nspname, c.relname, f.what, f.name, f.enabled::text
    FROM found f JOIN wanted w ON w.oid = f.relation JOIN pg_catalog.pg_class c ON c.oid = f.relation
    JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
    WHERE f.enabled <> 'D' AND c.relkind IN ('r', 'p')
    ORDER BY c.relispartition, c.relkind = 'r', n.nspname, c.relname, f.what, f.name
"""
_ENABLE = {"O": "ENABLE", "R": "ENABLE REPLICA", "A": "ENABLE ALWAYS"}


@contextmanager
def quiet_tables(connection: Any) -> Iterator[list[str]]:
    """
    Let no trigger and no rule of the shop's tables run, within a transaction; give their names.

    The rows of a backup are what triggers have made of them already. Where the block fails the transaction,
    which the caller rolls back, has all as it was. Those of a table that another role owns run as ever.
    """
    with connection.cursor() as cursor:
        if connection.vendor == "sqlite":
            texts = _drop(cursor)
            yield [name for name, _ in texts]
            for _, text in texts:
                # Without parameters, so that a percent sign stays one.
                cursor.execute(text)
        elif connection.vendor == "postgresql":
            found = _disable(connection, cursor)
            yield [f"{table}.{name}" for _, table, _, name, _ in found]
            if found:
                # No table is altered while a check of it is still to come.
                cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
            for schema, table, what, name, enabled in found:
                cursor.execute(f"{_alter(schema, table)} {_ENABLE[enabled]} {what} {quoted(name)}")
        else:
            yield []


def _drop(cursor: Any) -> list[tuple[str, str]]:
    # Without a trigger a view takes no rows at all, so those of views stay.
    cursor.execute(
        "SELECT name, sql FROM sqlite_master WHERE type = 'trigger' AND lower(tbl_name) IN"
        " (SELECT lower(name) FROM sqlite_master WHERE type = 'table') ORDER BY rowid"
    )
    found: list[tuple[str, str]] = cursor.fetchall()
    for name, _ in found:
        cursor.execute(f"DROP TRIGGER {quoted(name)}")
    return found


def _disable(connection: Any, cursor: Any) -> list[Sequence[str]]:
    from django.db import ProgrammingError, transaction

    cursor.execute(_POSTGRESQL, [[table.oid for table in present_tables(connection).values()]])
    disabled = []
    for one in cursor.fetchall():
        schema, table, what, name, _ = one
        try:
            with transaction.atomic(using=connection.alias):
                cursor.execute(f"{_alter(schema, table)} DISABLE {what} {quoted(name)}")
        except ProgrammingError:
            continue
        disabled.append(one)
    return disabled


def _alter(schema: str, table: str) -> str:
    return f"ALTER TABLE ONLY {quoted(schema)}.{quoted(table)}"
