"""Check an SQLite file with the functions, collations and modules that the shop itself brings."""

from __future__ import annotations

from collections.abc import Iterator


def check_sqlite(*, database: str) -> Iterator[list[str]]:
    """Yield what is wrong with the database, in SQLite's own words; raises django.db.Error."""
    from django.db import connections

    with connections[database].cursor() as cursor:
        # A row that its table would not take today is a row of the shop's, no damage.
        cursor.execute("PRAGMA ignore_check_constraints = ON")
        cursor.execute("PRAGMA integrity_check")
        yield [str(row[0]) for row in cursor.fetchall() if row[0] != "ok"]
