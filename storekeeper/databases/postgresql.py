"""
Connections to PostgreSQL that cannot change anything.

psycopg is loaded for the first of them: where every database is SQLite no one waits for it.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Final

from storekeeper.databases.address import DatabaseAddress
from storekeeper.errors import ConfigurationError, DatabaseUnavailable

if TYPE_CHECKING:
    import psycopg

    from storekeeper.databases.guarded_connection import GuardedConnection

LOCK_SECONDS: Final = 10.0


@contextmanager
def connect_postgresql(
    address: DatabaseAddress, *, timeout_seconds: float = 5.0, statement_seconds: float | None = None
) -> "Iterator[GuardedConnection]":
    """
    Yield an autocommit connection whose transactions only read and whose statements end in time.

    It works as the role that the shop assumes. The server must answer within ``timeout_seconds``; a statement
    may take ``statement_seconds``, by default as long. Raises DatabaseUnavailable; the message never holds a
    password.
    """
    import psycopg

    from storekeeper.databases.guarded_connection import GuardedConnection

    try:
        with GuardedConnection.connect(
            **keywords(address, timeout_seconds=timeout_seconds), autocommit=True
        ) as connection:
            connection.guard(
                statement_seconds=statement_seconds or timeout_seconds,
                lock_seconds=LOCK_SECONDS,
                role=address.role,
            )
            yield connection
    except psycopg.Error as error:
        raise unavailable(address, error) from None


def keywords(address: DatabaseAddress, *, timeout_seconds: float) -> dict[str, Any]:
    """Return libpq's keywords for a connection; nothing in them is refused by a pooler."""
    return {
        **address.parameters,
        "connect_timeout": max(2, round(timeout_seconds)),
        "application_name": "storekeeper",
    }


def require_direct(address: DatabaseAddress, *, purpose: str, behind_pooler: bool) -> None:
    """Raise ConfigurationError behind a pooler: ``purpose`` needs a session of its own."""
    if behind_pooler:
        raise ConfigurationError(
            f"database {address.name} ({address.label}): a connection pooler such as PgBouncer stands between"
            f" us and the server, and {purpose} needs its own session",
            hint="Name the server's own address beside it, databases: {direct: {url_file: FILE}}, and use"
            " --database=direct",
        )


def is_behind_pooler(address: DatabaseAddress) -> bool:
    """Return whether a pooler stands between us and the server; raises DatabaseUnavailable."""
    with connect_postgresql(address) as connection:
        return connection.behind_pooler


def is_pooled(connection: "psycopg.Connection[tuple[Any, ...]]") -> bool:
    """Return whether another server process answers than the one that greeted us; raises psycopg.Error."""
    row = connection.execute("SELECT pg_backend_pid()", prepare=False).fetchone()
    return row is None or row[0] != connection.info.backend_pid


def unavailable(address: DatabaseAddress, error: "psycopg.Error") -> DatabaseUnavailable:
    """Give the error to raise for ``error``; its message never holds the password."""
    words = str(error).strip()
    password = address.parameters.get("password")
    if password:
        words = words.replace(password, "…")
    return DatabaseUnavailable(f"database {address.name} ({address.label}): {words}")
