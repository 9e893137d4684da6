"""Connections to SQLite that cannot change anything."""

import os
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Final

from storekeeper.databases.address import DatabaseAddress
from storekeeper.errors import DatabaseUnavailable

# Where a database's header says that it keeps a write-ahead log, and how.
_HEADER_BYTES: Final = 20
_LOG_MARK: Final = b"\x02"


@contextmanager
def connect_sqlite(address: DatabaseAddress, *, timeout_seconds: float = 5.0) -> Iterator[sqlite3.Connection]:
    """
    Yield a connection that only reads and waits ``timeout_seconds`` for a writer's lock.

    A missing file is an error here, never a new empty database. To read a database with a write-ahead log
    SQLite makes a file beside it; where another user's folder does not let us, and no one has the database
    open, the file alone is read, and an error is raised where it has changed meanwhile. Raises
    DatabaseUnavailable.
    """
    path = address.path
    if path is None or not path.is_file():
        raise DatabaseUnavailable(f"database {address.name}: there is no file {path}")
    try:
        alone = _can_only_be_read_alone(path)
        before = _version(path) if alone else None
        connection = sqlite3.connect(
            f"{path.absolute().as_uri()}?mode=ro{'&immutable=1' if alone else ''}",
            uri=True,
            timeout=timeout_seconds,
            isolation_level=None,
        )
        with closing(connection):
            connection.execute("PRAGMA query_only = ON")
            yield connection
        if before != (_version(path) if alone else None):
            raise DatabaseUnavailable(
                f"database {address.name} ({path}) was opened by its own program while it was read",
                hint="Try again",
            )
    except sqlite3.Error as error:
        raise DatabaseUnavailable(f"database {address.name} ({path}): {error}") from error


def _can_only_be_read_alone(path: Path) -> bool:
    """Return whether there is a log's mark, but neither a log nor the right to make its index."""
    if os.access(path.parent, os.W_OK):
        return False
    try:
        with path.open("rb") as stream:
            header = stream.read(_HEADER_BYTES)
    except OSError:
        # Whoever opens it next says why it cannot be read.
        return False
    log, index = (path.with_name(path.name + ending) for ending in ("-wal", "-shm"))
    is_open = os.access(index, os.R_OK) or (log.exists() and log.stat().st_size > 0)
    return _LOG_MARK in header[18:20] and not is_open


def _version(path: Path) -> tuple[object, ...]:
    """Return what changes when someone writes: the file, or a log beside it."""
    log = path.with_name(path.name + "-wal")
    status = path.stat()
    return (
        status.st_ino,
        status.st_size,
        status.st_mtime_ns,
        log.stat().st_size if log.exists() else 0,
    )
