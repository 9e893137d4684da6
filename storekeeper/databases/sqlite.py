"""Connections to SQLite that cannot change anything."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager

from storekeeper.databases.address import DatabaseAddress
from storekeeper.errors import DatabaseUnavailable


@contextmanager
def connect_sqlite(address: DatabaseAddress, *, timeout_seconds: float = 5.0) -> Iterator[sqlite3.Connection]:
    """
    Give a connection that only reads and waits ``timeout_seconds`` for a writer's lock.

    A missing file is an error here, never a new empty database. Raises DatabaseUnavailable.
    """
    path = address.path
    if path is None or not path.is_file():
        raise DatabaseUnavailable(f"database {address.name}: there is no file {path}")
    try:
        connection = sqlite3.connect(
            f"{path.absolute().as_uri()}?mode=ro", uri=True, timeout=timeout_seconds, isolation_level=None
        )
        with closing(connection):
            connection.execute("PRAGMA query_only = ON")
            yield connection
    except sqlite3.Error as error:
        raise DatabaseUnavailable(f"database {address.name} ({path}): {error}") from error
