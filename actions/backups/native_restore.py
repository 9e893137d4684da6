"""Restore a backup in the database's own format, after a look at what is there."""

from dataclasses import dataclass
from pathlib import Path
from typing import Final

from actions.action import Context
from actions.backups.postgresql_dump import count_rows
from actions.backups.postgresql_restore import replace_postgresql, require_fitting_server
from actions.backups.sqlite_copy import count_sqlite
from actions.backups.sqlite_restore import LOCK_SECONDS, is_damaged, restore_sqlite
from storekeeper.backups import Manifest
from storekeeper.config import Config
from storekeeper.databases import DatabaseAddress, Engine, connect_postgresql, connect_sqlite
from storekeeper.errors import BackupRefused

# What manage.py migrate alone puts into a new database.
_MADE_BY_MIGRATE: Final = frozenset({"django_migrations", "django_content_type", "auth_permission"})
_COUNT_SECONDS: Final = 3600.0


@dataclass(frozen=True, kw_only=True)
class Restored:
    """What a restore has to tell; ``aside`` is where a damaged file was set aside."""

    aside: Path | None = None
    notes: tuple[str, ...] = ()


def require_fitting(manifest: Manifest, *, address: DatabaseAddress, config: Config) -> None:
    """Raise BackupRefused for a database of another kind or an older server than the backup's."""
    if manifest.engine != address.engine.value:
        raise BackupRefused(
            f"{manifest.file} is of {manifest.engine}, the database {address.name} is {address.engine.value}",
            hint="A JSON backup can be restored into either",
        )
    if address.engine is Engine.POSTGRESQL:
        require_fitting_server(manifest, address=address, config=config)


def cannot_be_read(address: DatabaseAddress) -> bool:
    """Tell whether the database is a file that is damaged."""
    return address.engine is Engine.SQLITE and _is_there(address) and is_damaged(address)


def count_present(address: DatabaseAddress) -> dict[str, int]:
    """Give the rows of each table that has any, but for what migrate alone makes."""
    if address.engine is Engine.POSTGRESQL:
        with connect_postgresql(address, timeout_seconds=_COUNT_SECONDS) as connection:
            tables = count_rows(connection)
    elif _is_there(address):
        with connect_sqlite(address, timeout_seconds=LOCK_SECONDS) as file:
            tables = count_sqlite(file)
    else:
        tables = {}
    return {name: table.rows for name, table in tables.items() if table.rows and name not in _MADE_BY_MIGRATE}


def restore_native(path: Path, manifest: Manifest, *, context: Context, address: DatabaseAddress) -> Restored:
    """Restore in one transaction; raises StorekeeperError."""
    if address.engine is Engine.SQLITE:
        return Restored(aside=restore_sqlite(path, manifest, address=address, now=context.now()))
    notes = replace_postgresql(
        path,
        address=address,
        config=context.config,
        expected=manifest.tables,
        cancelled=context.cancelled,
    )
    return Restored(notes=notes)


def _is_there(address: DatabaseAddress) -> bool:
    return address.path is not None and address.path.exists() and address.path.stat().st_size > 0
