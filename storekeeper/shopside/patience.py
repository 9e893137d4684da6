"""How long a statement waits for a lock: a table that another process holds stops no run for ever."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

LOCK_SECONDS = 30.0


@contextmanager
def patient(
    connection: Any, *, lock_seconds: float = LOCK_SECONDS, statement_seconds: float = 0
) -> Iterator[None]:
    """
    Open a transaction in which PostgreSQL waits so long for a lock, and works so long on a statement.

    The limits end with the transaction, so that a connection pooler hands them to no one else. SQLite waits
    as long as the shop's own settings say.
    """
    from django.db import transaction

    with transaction.atomic(using=connection.alias):
        if connection.vendor == "postgresql":
            with connection.cursor() as cursor:
                cursor.execute(f"SET LOCAL lock_timeout = {int(lock_seconds * 1000)}")
                if statement_seconds:
                    cursor.execute(f"SET LOCAL statement_timeout = {int(statement_seconds * 1000)}")
        yield
