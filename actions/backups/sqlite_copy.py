"""Copies of SQLite databases: made while the shop goes on, checked, and unpacked from a backup."""

import errno
import sqlite3
import time
from contextlib import closing
from pathlib import Path

from actions.backups.damage import NotProved, require_rows
from actions.backups.json_backup import disk_errors
from actions.backups.packing import unpacked
from storekeeper.backups import Manifest, TableSum
from storekeeper.databases import DatabaseAddress, connect_sqlite
from storekeeper.errors import BackupRefused, DatabaseUnavailable, NotEnoughSpace

_TABLES = "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%' ORDER BY name"


def copy_sqlite(address: DatabaseAddress, *, target: Path) -> None:
    """
    Copy all pages in one step: a stepped copy starts anew each time that somebody writes.

    Writers wait that long where the database keeps no write-ahead log. Raises DatabaseUnavailable, and the
    OSError of a full disk.
    """
    with connect_sqlite(address, timeout_seconds=30) as source:
        try:
            with closing(sqlite3.connect(target, isolation_level=None)) as copy:
                # The file is thrown away after a crash: it needs no journal. Nor need the shop's writers wait
                # for the disk; what becomes a backup is brought there before it has its name.
                copy.execute("PRAGMA journal_mode = OFF")
                copy.execute("PRAGMA synchronous = OFF")
                copy_pages(source, copy, patience_seconds=60)
        except sqlite3.OperationalError as error:
            if "full" in str(error):
                raise OSError(errno.ENOSPC, "No space left on device") from None
            # An error of our own, about patience, has no code.
            if getattr(error, "sqlite_errorcode", None) == sqlite3.SQLITE_IOERR_WRITE:
                raise _why_not_written(target) from None
            raise DatabaseUnavailable(f"database {address.name} ({address.label}): {error}") from None


def _why_not_written(target: Path) -> OSError:
    """Ask the system: SQLite tells a quota and a limit of the file's size as it tells a broken disk."""
    try:
        with target.open("ab") as stream:
            stream.write(bytes(1 << 20))
    except OSError as error:
        return error
    return OSError(errno.EIO, "Input/output error")


def copy_pages(source: sqlite3.Connection, target: sqlite3.Connection, *, patience_seconds: float) -> None:
    """Copy a database over another in one transaction; raises OperationalError where one stays locked."""
    deadline = time.monotonic() + patience_seconds

    def wait(status: int, remaining: int, total: int) -> None:
        # Python would try again for ever.
        if status in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED) and time.monotonic() > deadline:
            raise sqlite3.OperationalError("database is locked")

    source.backup(target, pages=-1, progress=wait)


def check_sqlite(path: Path) -> dict[str, TableSum]:
    """
    Check a copy of an SQLite database from end to end; give the rows of each table.

    Nothing is written beside it. Raises BackupRefused for a damaged one.
    """
    try:
        uri = f"{path.absolute().as_uri()}?mode=ro&immutable=1"
        with closing(sqlite3.connect(uri, uri=True)) as connection:
            problems = [row[0] for row in connection.execute("PRAGMA integrity_check")]
            if problems != ["ok"]:
                raise BackupRefused(f"{path.name} is damaged: {'; '.join(problems[:3])}")
            return count_sqlite(connection)
    except sqlite3.Error as error:
        raise BackupRefused(f"{path.name} is damaged: {error}") from None


def count_sqlite(connection: sqlite3.Connection) -> dict[str, TableSum]:
    """Give the rows of each table; raises sqlite3.Error."""
    names = [row[0] for row in connection.execute(_TABLES)]
    return {
        name: TableSum(
            rows=connection.execute(f"SELECT count(*) FROM {_quoted(name)}").fetchone()[0], checksum=""
        )
        for name in names
    }


def unpack_sqlite(backup: Path, *, target: Path, manifest: Manifest) -> None:
    """
    Write the database in ``backup`` to the file ``target``, which is there already, and check it there.

    Raises NotProved for one that is damaged or has other rows than the manifest says, NotEnoughSpace.
    """
    try:
        with disk_errors(target), target.open("wb") as stream:
            for data in unpacked(backup, compressed=backup.suffix == ".gz"):
                stream.write(data)
        found = check_sqlite(target)
    except NotEnoughSpace:
        raise
    except BackupRefused as error:
        raise NotProved(f"{backup.name}: {error.message}") from None
    require_rows(backup.name, expected=manifest.tables, found=found)


def _quoted(name: str) -> str:
    doubled = name.replace('"', '""')
    return f'"{doubled}"'
