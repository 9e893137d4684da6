"""Empty the tables of all models of a database, as ``manage.py flush`` does, wherever they lie."""

from __future__ import annotations

from typing import Any

from .present import present_tables


def empty_tables(connection: Any) -> None:
    """Remove all rows of the shop's tables and let keys be counted from one again, within a transaction."""
    # Those of unmanaged models are not in a fixture: what is in them stays.
    tables = list(dict.fromkeys(place for place in present_tables(connection).values() if not place.is_view))
    if not tables:
        return
    with connection.cursor() as cursor, connection.constraint_checks_disabled():
        if connection.vendor == "postgresql":
            # All at once: none may go while another refers to it.
            cursor.execute(f"TRUNCATE {', '.join(table.sql for table in tables)} RESTART IDENTITY")
            return
        for table in tables:
            cursor.execute(f"DELETE FROM {table.sql}")
        cursor.execute("SELECT 1 FROM sqlite_master WHERE name = 'sqlite_sequence'")
        if cursor.fetchone():
            marks = ", ".join(["%s"] * len(tables))
            names = [table.table for table in tables]
            cursor.execute(f"UPDATE sqlite_sequence SET seq = 0 WHERE name IN ({marks})", names)
