"""Connections for the upkeep of databases: they may rewrite files, and wait for no one long."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from typing import Any

import psycopg

from storekeeper.databases.address import DatabaseAddress
from storekeeper.errors import DatabaseUnavailable


@contextmanager
def maintain_sqlite(address: DatabaseAddress, *, lock_seconds: float) -> Iterator[sqlite3.Connection]:
    """
    Give a connection without transactions of its own that waits ``lock_seconds`` for others.

    A missing file is an error, never a new empty database. Raises DatabaseUnavailable.
    """
    path = address.path
    if path is None or not path.is_file():
        raise DatabaseUnavailable(f"database {address.name}: there is no file {path}")
    try:
        connection = sqlite3.connect(
            f"{path.absolute().as_uri()}?mode=rw", uri=True, timeout=lock_seconds, isolation_level=None
        )
        with closing(connection):
            yield connection
    except sqlite3.OperationalError as error:
        if getattr(error, "sqlite_errorcode", 0) & 0xFF in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED):
            raise DatabaseUnavailable(
                f"database {address.name} ({path}) is in use: {error}",
                hint=f"Another process held it for {lock_seconds:g} seconds; try again later",
            ) from None
        raise DatabaseUnavailable(f"database {address.name} ({path}): {error}") from error
    except sqlite3.Error as error:
        raise DatabaseUnavailable(f"database {address.name} ({path}): {error}") from error


@contextmanager
def maintain_postgresql(
    address: DatabaseAddress, *, lock_seconds: float
) -> "Iterator[psycopg.Connection[tuple[Any, ...]]]":
    """
    Give an autocommit connection whose statements take their time, but wait ``lock_seconds`` for a lock.

    What the caller does not handle is raised as DatabaseUnavailable; no message holds a password.
    """
    guards = f"-c lock_timeout={int(lock_seconds * 1000)} -c statement_timeout=0"
    keywords: dict[str, Any] = {
        **address.parameters,
        "options": f"{address.parameters.get('options', '')} {guards}".strip(),
        "connect_timeout": 10,
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
