"""Empty the tables of all models of a database, as ``manage.py flush`` does, whatever they are called."""

from __future__ import annotations

from typing import Any


def empty_tables(connection: Any) -> None:
    """Remove all rows of the shop's tables and let keys be counted from one again, within a transaction."""
    from django.core.management.color import no_style

    # Those of unmanaged models are not in a fixture: what is in them stays.
    tables = connection.introspection.django_table_names(only_existing=True, include_views=False)
    if not tables:
        return
    if connection.vendor == "postgresql":
        statements = connection.ops.sql_flush(no_style(), tables, reset_sequences=True)
    else:
        # Django quotes no name where it resets what SQLite counts.
        statements = connection.ops.sql_flush(no_style(), tables)
    with connection.cursor() as cursor, connection.constraint_checks_disabled():
        for statement in statements:
            cursor.execute(statement)
        if connection.vendor != "postgresql":
            cursor.execute("SELECT 1 FROM sqlite_master WHERE name = 'sqlite_sequence'")
            if cursor.fetchone():
                marks = ", ".join(["%s"] * len(tables))
                cursor.execute(f"UPDATE sqlite_sequence SET seq = 0 WHERE name IN ({marks})", tables)
