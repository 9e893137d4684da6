"""Connections to PostgreSQL that cannot change anything."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import psycopg

from storekeeper.databases.address import DatabaseAddress
from storekeeper.errors import DatabaseUnavailable


@contextmanager
def connect_postgresql(
    address: DatabaseAddress, *, timeout_seconds: float = 5.0
) -> "Iterator[psycopg.Connection[tuple[Any, ...]]]":
    """
    Give an autocommit connection whose transactions only read and whose statements end in time.

    Raises DatabaseUnavailable; the message never holds a password.
    """
    milliseconds = int(timeout_seconds * 1000)
    guards = f"-c default_transaction_read_only=on -c statement_timeout={milliseconds}"
    keywords: dict[str, Any] = {
        **address.parameters,
        "options": f"{address.parameters.get('options', '')} {guards}".strip(),
        "connect_timeout": max(2, round(timeout_seconds)),
        "application_name": "storekeeper",
    }
    try:
        with psycopg.connect(**keywords, autocommit=True) as connection:
            yield connection
    except psycopg.Error as error:
        words = str(error).strip()
        password = address.parameters.get("password")
        if password:
            words = words.replace(password, "…")
        raise DatabaseUnavailable(f"database {address.name} ({address.label}): {words}") from None
