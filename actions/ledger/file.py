"""The ledger's file: opened, brought to the present schema, and used in short durable transactions."""

import os
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final

from actions.ledger.schema import MIGRATIONS, SCHEMA, SCHEMA_VERSION
from storekeeper.errors import StorekeeperError
from storekeeper.files.private import make_private_folder

FILE_NAME: Final = "ledger.sqlite3"
BUSY_SECONDS: Final = 5.0
# SQLite lets the log beside the file grow to 4 MB before it empties it: on a full disk too much by far.
LOG_PAGES: Final = 250
PAGE_BYTES: Final = 4096
OCCUPIED: Final = "Its disk may be full, or another program holds it. Make room; nothing else is needed"
DAMAGED: Final = (
    "The file is damaged: nothing runs, and alerts are refused, so that Alertmanager sends them again. Stop"
    " the receiver and put a copy in its place, or move it away: a new one is made, without the history"
)
_creating = threading.Lock()


class LedgerUnavailable(StorekeeperError):
    """The ledger cannot be read or written now: a full disk, a lock that is held too long, a damaged file."""

    permanent = False


class LedgerFile:
    """
    One SQLite file that several processes and threads may use at once.

    What a transaction wrote is on the disk when it is left (WAL, synchronous=FULL). Every failure of the
    file is a LedgerUnavailable; the file is opened again afterwards.
    """

    def __init__(
        self, folder: Path, *, busy_seconds: float = BUSY_SECONDS, log_pages: int = LOG_PAGES
    ) -> None:
        self.path = folder / FILE_NAME
        self._log_pages = log_pages
        self._busy_seconds = busy_seconds
        self._lock = threading.RLock()
        self._connection: sqlite3.Connection | None = None
        self._identity: tuple[int, int] | None = None

    @contextmanager
    def write(self) -> Iterator[sqlite3.Connection]:
        """Give a connection in a transaction that is committed at the end, or undone by an exception."""
        with self._lock, self._translated():
            connection = self._open()
            connection.execute("BEGIN IMMEDIATE")
            try:
                yield connection
                connection.execute("COMMIT")
            except BaseException:
                # A commit that failed on a full disk may have been rolled back already.
                with suppress(sqlite3.Error):
                    connection.execute("ROLLBACK")
                raise

    @contextmanager
    def read(self) -> Iterator[sqlite3.Connection]:
        """Give a connection that sees one state of the ledger until the end."""
        with self._lock, self._translated():
            connection = self._open()
            connection.execute("BEGIN")
            try:
                yield connection
            finally:
                with suppress(sqlite3.Error):
                    connection.execute("ROLLBACK")

    def close(self) -> None:
        """Close the file; the next use opens it again."""
        with self._lock:
            if self._connection is not None:
                self._connection.close()
                self._connection = None

    @contextmanager
    def _translated(self) -> Iterator[None]:
        try:
            yield
        except (sqlite3.Error, OSError) as error:
            code = getattr(error, "sqlite_errorcode", 0) & 0xFF
            if code != sqlite3.SQLITE_BUSY:
                self.close()
            raise LedgerUnavailable(
                f"the ledger {self.path} cannot be used: {error}",
                hint=DAMAGED if code in (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB) else OCCUPIED,
            ) from error

    def _open(self) -> sqlite3.Connection:
        if self._connection is not None and self._identity == _identity(self.path):
            return self._connection
        # Gone, or another file has its name: what is written to the old one is lost with it.
        self.close()
        make_private_folder(self.path.parent)
        create_private(self.path)
        connection = sqlite3.connect(
            self.path, timeout=self._busy_seconds, isolation_level=None, check_same_thread=False
        )
        try:
            connection.row_factory = sqlite3.Row
            connection.execute("PRAGMA journal_mode = WAL")
            connection.execute("PRAGMA synchronous = FULL")
            connection.execute(f"PRAGMA wal_autocheckpoint = {self._log_pages}")
            connection.execute(f"PRAGMA journal_size_limit = {self._log_pages * PAGE_BYTES}")
            connection.execute("PRAGMA foreign_keys = ON")
            self._bring_up_to_date(connection)
        except BaseException:
            connection.close()
            raise
        self._connection = connection
        self._identity = _identity(self.path)
        return connection

    def _bring_up_to_date(self, connection: sqlite3.Connection) -> None:
        if _version(connection) == SCHEMA_VERSION:
            return
        connection.execute("BEGIN IMMEDIATE")
        try:
            # Asked again under the lock: another process may have been first.
            version = _version(connection)
            if version > SCHEMA_VERSION:
                raise LedgerUnavailable(
                    f"the ledger {self.path} was written by a newer storekeeper",
                    hint="Install that version again, or give the config another state folder",
                )
            scripts = (
                [SCHEMA] if version == 0 else [MIGRATIONS[old] for old in range(version, SCHEMA_VERSION)]
            )
            for statement in ";".join(scripts).split(";"):
                connection.execute(statement)
            connection.execute(f"PRAGMA user_version = {SCHEMA_VERSION}")
            connection.execute("COMMIT")
        except BaseException:
            with suppress(sqlite3.Error):
                connection.execute("ROLLBACK")
            raise


def create_private(path: Path) -> None:
    """
    Create a database's file for its owner alone, where there is none: SQLite would let everybody read it.

    A file that exists is never opened here. Closing it again would give back all locks that SQLite holds on
    it in this process; the next program to look into the database would then take itself for the last one
    and remove the log that this process still writes to, and with it what was committed there.
    """
    with suppress(FileExistsError), _creating:
        os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600))


def _identity(path: Path) -> tuple[int, int] | None:
    try:
        found = path.stat()
    except FileNotFoundError:
        return None
    return found.st_dev, found.st_ino


def _version(connection: sqlite3.Connection) -> int:
    return int(connection.execute("PRAGMA user_version").fetchone()[0])
