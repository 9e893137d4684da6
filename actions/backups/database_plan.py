"""Which files a backup of the databases would be, and how much room they need."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from actions.action import Context
from actions.scope import Database
from storekeeper.backups import find_backups
from storekeeper.databases import Engine
from storekeeper.errors import ConfigurationError, DatabaseUnavailable
from storekeeper.files import free_bytes
from storekeeper.measure.databases import database_bytes
from storekeeper.units import format_size

Form = Literal["json", "native"]

# The next backup is about as large as the last one; shops grow.
_GROWTH = 1.2
# Of a database's size: what it takes as JSON, and packed.
_JSON_SHARE = 2.0
_PACKED_SHARE = 0.6


@dataclass(frozen=True, kw_only=True)
class Part:
    """One file to be written: of which database, in which form, and how large it will be about."""

    database: Database
    form: Form
    ending: str
    expected_bytes: int


@dataclass(frozen=True, kw_only=True)
class BackupPlan:
    """The files of one run and the room that they need."""

    folder: Path
    parts: tuple[Part, ...]
    compress: bool
    verify: bool
    free_bytes: int
    time_zone: str

    @property
    def needed_bytes(self) -> int:
        """Give the room that all parts need about."""
        return sum(part.expected_bytes for part in self.parts)

    @property
    def summary(self) -> str:
        """Say what would be written."""
        count = f"{len(self.parts)} file{'s' if len(self.parts) != 1 else ''}"
        return (
            f"would write {count} to {self.folder}: about "
            f"{format_size(self.needed_bytes)}, {format_size(self.free_bytes)} are free"
        )

    @property
    def empty(self) -> bool:
        """A backup is never needless."""
        return not self.parts

    def rows(self) -> list[tuple[str, ...]]:
        """Give one row per file."""
        return [
            ("database", "file", "about"),
            *(
                (
                    part.database.name,
                    f"{_prefix(part.database.name)}YYYYMMDD_HHMMSS{part.ending}",
                    format_size(part.expected_bytes),
                )
                for part in self.parts
            ),
        ]

    def as_json(self) -> dict[str, Any]:
        """Give the plan for a script."""
        return {
            "folder": str(self.folder),
            "free_bytes": self.free_bytes,
            "needed_bytes": self.needed_bytes,
            "compress": self.compress,
            "verify": self.verify,
            "files": [
                {
                    "database": part.database.name,
                    "format": part.form,
                    "ending": part.ending,
                    "expected_bytes": part.expected_bytes,
                }
                for part in self.parts
            ],
        }


def plan_database_backup(
    context: Context,
    databases: Sequence[Database],
    *,
    forms: Sequence[Form],
    folder: Path,
    compress: bool,
    verify: bool,
    time_zone: str,
) -> BackupPlan:
    """
    Look at the databases and the disk.

    Raises ConfigurationError for a form that a database cannot have, DatabaseUnavailable.
    """
    return BackupPlan(
        folder=folder,
        parts=tuple(
            _part(context, database, form=one, compress=compress, folder=folder)
            for database in databases
            for one in forms
        ),
        compress=compress,
        verify=verify,
        free_bytes=free_bytes(folder),
        time_zone=time_zone,
    )


def _part(context: Context, database: Database, *, form: Form, compress: bool, folder: Path) -> Part:
    if form == "json" and database.alias is None:
        raise ConfigurationError(
            f"database {database.name}: a JSON backup is made by the shop's Django, and this database is "
            "configured by a URL",
            hint="Write database: {django: ALIAS} in the config, or use --format=native",
        )
    ending = _json_ending(compress) if form == "json" else _native_ending(database, compress=compress)
    return Part(
        database=database,
        form=form,
        ending=ending,
        expected_bytes=_expected_bytes(context, database, form=form, ending=ending, folder=folder),
    )


def _expected_bytes(context: Context, database: Database, *, form: Form, ending: str, folder: Path) -> int:
    """Give the size of the last such backup and a bit more, else what the database's size lets expect."""
    # Asked in any case: a database that is not there must not be made by looking for it.
    size_bytes = _size_bytes(context, database, form=form)
    for backup in find_backups(folder):
        if backup.manifest.database == database.name and backup.path.name.endswith(ending):
            return int(backup.path.stat().st_size * _GROWTH)
    packed = ending.endswith((".gz", ".dump"))
    share = _PACKED_SHARE if packed else _JSON_SHARE if form == "json" else _GROWTH
    return int(size_bytes * share)


def _size_bytes(context: Context, database: Database, *, form: Form) -> int:
    if form == "native" or database.address.engine is not Engine.POSTGRESQL:
        return database_bytes(database.address)
    try:
        # The shop's interpreter has a driver and will use it: ours would be loaded for this alone.
        return int(context.shop.ask("database_size", stay=True, database=database.alias))
    except DatabaseUnavailable as error:
        raise DatabaseUnavailable(
            f"database {database.name} ({database.address.label}): {error.message}", hint=error.hint
        ) from None


def _json_ending(compress: bool) -> str:
    return ".json.gz" if compress else ".json"


def _native_ending(database: Database, *, compress: bool) -> str:
    from actions.backups.native_backup import native_ending

    return native_ending(database.address, compress=compress)


def _prefix(database: str) -> str:
    return "db_backup_" if database == "default" else f"db_backup_{database}_"
