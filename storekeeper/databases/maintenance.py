"""Connections for the upkeep of databases: they may rewrite files, and wait for no one long."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from typing import Any

import psycopg
from psycopg import sql

from storekeeper.databases.address import DatabaseAddress
from storekeeper.databases.postgresql import is_pooled, keywords, require_direct, unavailable
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

    It works as the role that the shop assumes. VACUUM runs in no transaction, so these settings are the
    session's: behind a pooler ConfigurationError is raised. What the caller does not handle is raised as
    DatabaseUnavailable; no message holds a password.
    """
    try:
        with psycopg.connect(**keywords(address, timeout_seconds=10), autocommit=True) as connection:
            require_direct(address, purpose="VACUUM or REINDEX", behind_pooler=is_pooled(connection))
            connection.execute("SET statement_timeout = 0")
            connection.execute(sql.SQL("SET lock_timeout = {}").format(sql.Literal(int(lock_seconds * 1000))))
            if address.role:
                connection.execute(sql.SQL("SET ROLE {}").format(sql.Identifier(address.role)))
            yield connection
    except psycopg.Error as error:
        raise unavailable(address, error) from None
