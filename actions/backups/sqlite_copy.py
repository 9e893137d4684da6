"""Copies of SQLite databases: made while the shop goes on, checked, and unpacked from a backup."""

import errno
import sqlite3
import time
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path

from actions.backups.damage import NotProved, require_rows
from actions.backups.json_backup import disk_errors
from actions.backups.packing import unpacked
from storekeeper.backups import Manifest, TableSum
from storekeeper.databases import DatabaseAddress, connect_sqlite
from storekeeper.databases.sqlite_stand_ins import ask_with_stand_ins, lacks_something
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


@dataclass(frozen=True, kw_only=True)
class CheckedFile:
    """The rows of each table; and each one that could not be read or checked to its end, with why."""

    tables: dict[str, TableSum]
    not_checked: dict[str, str] = field(default_factory=dict)


def check_sqlite(path: Path) -> CheckedFile:
    """
    Check a copy of an SQLite database from end to end, and count its rows.

    Nothing is written beside it. An index that needs a function or a collation of the shop's own cannot be
    compared with its table here: the table is named, its pages are checked all the same. Raises BackupRefused
    for a damaged file.
    """
    try:
        with closing(_open(path)) as connection:
            try:
                problems = _problems(connection, "PRAGMA integrity_check")
                not_checked: dict[str, str] = {}
            except sqlite3.OperationalError as error:
                if not lacks_something(error):
                    raise
                problems, not_checked = _check_by_tables(path)
            if problems:
                raise BackupRefused(f"{path.name} is damaged: {'; '.join(problems[:3])}")
            tables, not_read = _counted(connection)
            return CheckedFile(tables=tables, not_checked={**not_checked, **not_read})
    except sqlite3.Error as error:
        raise BackupRefused(f"{path.name} is damaged: {error}") from None


def _open(path: Path) -> sqlite3.Connection:
    uri = f"{path.absolute().as_uri()}?mode=ro&immutable=1"
    connection = sqlite3.connect(uri, uri=True)
    # A row that its table would not take today is a row of the shop's, no damage.
    connection.execute("PRAGMA ignore_check_constraints = ON")
    return connection


def _check_by_tables(path: Path) -> tuple[list[str], dict[str, str]]:
    """Check all pages, and the indexes of each table that can be checked here; give the others with why."""
    with closing(_open(path)) as connection:
        problems = pages_problems(connection)
        names = [str(row[0]) for row in connection.execute(_TABLES)]
    not_checked = {}
    # Without stand-ins: with them every row of such an index would be a wrong one.
    with closing(_open(path)) as connection:
        for name in names:
            try:
                problems += _problems(connection, f"PRAGMA integrity_check({_quoted(name)})")
            except sqlite3.OperationalError as error:
                if not lacks_something(error):
                    raise
                not_checked[name] = f"its indexes and computed columns were not checked here: {error}"
    return problems, not_checked


def pages_problems(connection: sqlite3.Connection, *, most: int = 100) -> list[str]:
    """Return what is wrong with the pages, whatever functions the database needs; raises sqlite3.Error."""
    connection.execute("PRAGMA ignore_check_constraints = ON")
    rows = ask_with_stand_ins(connection, f"PRAGMA quick_check({most})")
    # A computed column that may not be NULL is, with a stand-in.
    return [str(row[0]) for row in rows if row[0] != "ok" and not str(row[0]).startswith("NULL value in ")]


def _problems(connection: sqlite3.Connection, statement: str) -> list[str]:
    return [str(row[0]) for row in connection.execute(statement) if row[0] != "ok"]


def count_sqlite(connection: sqlite3.Connection) -> dict[str, TableSum]:
    """Return the rows of each table that can be read here; raises sqlite3.Error."""
    return _counted(connection)[0]


def _counted(connection: sqlite3.Connection) -> tuple[dict[str, TableSum], dict[str, str]]:
    """Return the rows of each table, and each virtual table whose module only the shop has."""
    tables, not_read = {}, {}
    for (name,) in connection.execute(_TABLES).fetchall():
        try:
            rows = ask_with_stand_ins(connection, f"SELECT count(*) FROM {_quoted(name)}")
        except sqlite3.OperationalError as error:
            if not lacks_something(error):
                raise
            not_read[name] = f"its rows were not counted here: {error}"
        else:
            tables[name] = TableSum(rows=rows[0][0], checksum="")
    return tables, not_read


def unpack_sqlite(backup: Path, *, target: Path, manifest: Manifest) -> dict[str, str]:
    """
    Write the database in ``backup`` to the file ``target``, which is there already, and check it there.

    Return each table that could not be checked to its end, with the reason. Raises NotProved for a file that
    is damaged or has other rows than the manifest says, NotEnoughSpace.
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
    require_rows(backup.name, expected=manifest.tables, found=found.tables)
    return found.not_checked


def _quoted(name: str) -> str:
    doubled = name.replace('"', '""')
    return f'"{doubled}"'
