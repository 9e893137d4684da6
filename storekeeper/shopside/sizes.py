"""How large a database is, as its server tells."""

from __future__ import annotations

from collections.abc import Iterator


def database_size(*, database: str) -> Iterator[int]:
    """Give the bytes of a PostgreSQL database on its server's disk; raises django.db.Error."""
    from django.db import connections

    connection = connections[database]
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_database_size(current_database())")
            size_bytes = int(cursor.fetchone()[0])
    finally:
        connection.close()
    yield size_bytes
