"""Put an SQLite database in the place of the shop's, while the shop may have it open."""

import datetime as dt
import os
import sqlite3
from contextlib import closing, suppress
from pathlib import Path

from actions.backups.damage import require_rows
from actions.backups.sqlite_copy import copy_pages, count_sqlite, pages_problems, unpack_sqlite
from storekeeper.backups import Manifest
from storekeeper.databases import DatabaseAddress, connect_sqlite
from storekeeper.databases.maintenance import maintain_sqlite
from storekeeper.errors import BackupRefused, DatabaseUnavailable
from storekeeper.files import PartialFile, require_free_bytes
from storekeeper.files.atomic import sync_folder

LOCK_SECONDS = 60.0
# What SQLite keeps beside a database; with another database they would be poison.
_BESIDE = ("-wal", "-shm", "-journal")


def is_damaged(address: DatabaseAddress) -> bool:
    """Tell whether there is a file that SQLite cannot read from end to end; being locked is no damage."""
    try:
        with connect_sqlite(address, timeout_seconds=LOCK_SECONDS) as connection:
            return bool(pages_problems(connection, most=1))
    except DatabaseUnavailable as error:
        if isinstance(error.__cause__, sqlite3.OperationalError):
            raise
        return isinstance(error.__cause__, sqlite3.DatabaseError)


def restore_sqlite(
    backup: Path,
    manifest: Manifest,
    *,
    address: DatabaseAddress,
    now: dt.datetime,
    lock_seconds: float = LOCK_SECONDS,
) -> Path | None:
    """
    Restore the backup into the database at ``address``; all of it or nothing.

    The backup is unpacked beside it and checked first. A database that is there takes its pages in one
    transaction of its own, so that its write-ahead log and everybody who has it open stay right. One that is
    damaged is set aside: gives its new path. Raises NotProved, StorekeeperError; the database is then as it
    was.
    """
    path = address.path
    assert path is not None
    there = path.stat().st_size if path.exists() else 0
    require_free_bytes(path.parent, needed_bytes=manifest.content_bytes + there, purpose="the restore")
    damaged = there > 0 and is_damaged(address)
    with PartialFile(path) as file:
        unpack_sqlite(backup, target=file.path, manifest=manifest)
        if there and not damaged:
            _copy_into(file.path, address=address, lock_seconds=lock_seconds)
            with connect_sqlite(address, timeout_seconds=LOCK_SECONDS) as connection:
                require_rows(backup.name, expected=manifest.tables, found=count_sqlite(connection))
            return None
        _own_like(file.path, path if there else path.parent, mode=0o777 if there else 0o600)
        aside = _set_aside(path, now=now) if damaged else None
        for ending in _BESIDE:
            path.with_name(path.name + ending).unlink(missing_ok=True)
        file.finish(replace=True)
        return aside


def _copy_into(source: Path, *, address: DatabaseAddress, lock_seconds: float) -> None:
    uri = f"{source.absolute().as_uri()}?mode=ro&immutable=1"
    with (
        closing(sqlite3.connect(uri, uri=True)) as copy,
        maintain_sqlite(address, lock_seconds=lock_seconds) as target,
    ):
        page_bytes = copy.execute("PRAGMA page_size").fetchone()
        if target.execute("PRAGMA page_size").fetchone() != page_bytes:
            # Pages of another size fit into a database only while it has no write-ahead log.
            (mode,) = target.execute("PRAGMA journal_mode = DELETE").fetchone()
            if mode != "delete":
                raise BackupRefused(
                    f"the database {address.name} has pages of another size than the backup and is in use",
                    hint="Stop the shop and try again",
                )
        target.execute("PRAGMA synchronous = FULL")
        copy_pages(copy, target, patience_seconds=lock_seconds)


def _set_aside(path: Path, *, now: dt.datetime) -> Path:
    """Give the damaged file, and what lies beside it, another name; the file keeps its own as well."""
    aside = path.with_name(f"{path.name}.damaged_{now:%Y%m%d_%H%M%S}")
    os.link(path, aside)
    for ending in _BESIDE:
        with suppress(FileNotFoundError):
            path.with_name(path.name + ending).rename(aside.with_name(aside.name + ending))
    sync_folder(path.parent)
    return aside


def _own_like(file: Path, other: Path, *, mode: int) -> None:
    """Let the new file be the shop's, which may run as somebody else."""
    status = other.stat()
    if hasattr(os, "chown"):
        # Only root may; everybody else is the owner already, or cannot change it.
        with suppress(PermissionError):
            os.chown(file, status.st_uid, status.st_gid)
    file.chmod(status.st_mode & mode & 0o777)
