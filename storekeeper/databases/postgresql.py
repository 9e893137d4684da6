"""
Connections to PostgreSQL that cannot change anything.

psycopg is loaded for the first of them: where every database is SQLite nobody waits for it.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from storekeeper.databases.address import DatabaseAddress
from storekeeper.errors import DatabaseUnavailable

if TYPE_CHECKING:
    import psycopg


@contextmanager
def connect_postgresql(
    address: DatabaseAddress, *, timeout_seconds: float = 5.0
) -> "Iterator[psycopg.Connection[tuple[Any, ...]]]":
    """
    Give an autocommit connection whose transactions only read and whose statements end in time.

    Raises DatabaseUnavailable; the message never holds a password.
    """
    import psycopg

    try:
        with psycopg.connect(
            **reading_keywords(address, timeout_seconds=timeout_seconds), autocommit=True
        ) as connection:
            yield connection
    except psycopg.Error as error:
        raise unavailable(address, error) from None


def reading_keywords(address: DatabaseAddress, *, timeout_seconds: float) -> dict[str, Any]:
    """Give libpq's keywords for a connection that only reads and whose statements end in time."""
    milliseconds = int(timeout_seconds * 1000)
    guards = f"-c default_transaction_read_only=on -c statement_timeout={milliseconds}"
    return {
        **address.parameters,
        "options": f"{address.parameters.get('options', '')} {guards}".strip(),
        "connect_timeout": max(2, round(timeout_seconds)),
        "application_name": "storekeeper",
    }


def unavailable(address: DatabaseAddress, error: "psycopg.Error") -> DatabaseUnavailable:
    """Give the error to raise for ``error``; its message never holds the password."""
    words = str(error).strip()
    password = address.parameters.get("password")
    if password:
        words = words.replace(password, "…")
    return DatabaseUnavailable(f"database {address.name} ({address.label}): {words}")
