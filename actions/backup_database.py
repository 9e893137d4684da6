"""Back the databases up: as JSON for ``manage.py loaddata``, in the database's own format, or both."""

import datetime as dt
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from pydantic import Field

from actions.action import Context, Outcome, Progress
from actions.backups.files import new_stem, next_number, sweep_partial_files
from actions.backups.json_backup import write_json_backup
from actions.backups.manifest import require_manifest
from actions.backups.quiet_copy import quiet_conversation
from actions.scope import Database, database_size_bytes, databases_of
from storekeeper.backups import Backup, Manifest, find_backups
from storekeeper.config import Config
from storekeeper.config.fields import Model, ShopPath
from storekeeper.databases import Engine
from storekeeper.errors import BackupRefused, ConfigurationError, DatabaseUnavailable
from storekeeper.files import free_bytes, require_free_bytes
from storekeeper.units import format_size

Form = Literal["json", "native"]

# The next backup is about as large as the last one; shops grow.
_GROWTH = 1.2
# Of a database's size: what it takes as JSON, and packed.
_JSON_SHARE = 2.0
_PACKED_SHARE = 0.6


class BackupDatabaseOptions(Model):
    """What to back up, in which form, and where to."""

    output: ShopPath | None = Field(
        default=None, description="Folder for the backup instead of the config's."
    )
    compress: bool | None = Field(default=None, description="Compress with gzip; loaddata reads it as it is.")
    format: Literal["json", "native", "both"] | None = Field(
        default=None, description="JSON for loaddata, the database's own format, or both."
    )
    verify: bool = Field(
        default=False, description="Restore the backup into a scratch database at once and compare."
    )
    database: str | None = Field(default=None, description="One database of the config instead of all.")


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


class BackupDatabase:
    """The action ``backup_database``."""

    name = "backup_database"
    summary = "Back up the database: JSON that loaddata restores, the database's own format, or both."
    Options: type[Model] = BackupDatabaseOptions

    def resources(self, config: Config, options: BackupDatabaseOptions) -> tuple[str, ...]:
        """Lock the backups and each database that is read."""
        names = [options.database] if options.database else list(config.databases) or ["default"]
        trial = ("trial-restore",) if options.verify else ()
        return ("backups", *trial, *(f"database-{name}" for name in names))

    def plan(self, context: Context, options: BackupDatabaseOptions) -> BackupPlan:
        """Look at the databases and the disk; raises StorekeeperError when one cannot be reached."""
        config = context.config
        description = context.shop.describe(stay=True)
        folder = options.output or config.backups.path
        compress = config.backups.compress if options.compress is None else options.compress
        form = options.format or config.backups.format
        forms: tuple[Form, ...] = ("json", "native") if form == "both" else (form,)
        parts = [
            _part(context, database, form=one, compress=compress, folder=folder)
            for database in databases_of(config, description=description, only=options.database)
            for one in forms
        ]
        return BackupPlan(
            folder=folder,
            parts=tuple(parts),
            compress=compress,
            verify=options.verify,
            free_bytes=free_bytes(folder),
            time_zone=description.time_zone,
        )

    def perform(self, context: Context, options: BackupDatabaseOptions, plan: BackupPlan) -> Outcome:
        """Write the files one after the other; raises StorekeeperError, and then the last one is absent."""
        swept = sweep_partial_files(plan.folder)
        require_free_bytes(plan.folder, needed_bytes=plan.needed_bytes, purpose="the backup")
        created: list[Path] = []
        manifests: list[Manifest] = []
        stems: dict[str, tuple[str, dt.datetime]] = {}
        for part in plan.parts:
            database = part.database
            if database.name not in stems:
                stems[database.name] = new_stem(
                    plan.folder, database=database.name, time_zone=plan.time_zone, now=context.now
                )
            stem, moment = stems[database.name]
            path = plan.folder / f"{stem}{part.ending}"
            draft = Manifest(
                file=path.name,
                created=moment,
                number=next_number(plan.folder),
                shop=context.config.shop,
                database=database.name,
                engine=database.address.engine.value,
                format=part.form,
                sha256="",
                size_bytes=0,
            )
            manifests.append(_write(context, part=part, path=path, draft=draft, compress=plan.compress))
            created.append(path)
            context.report(
                Progress(done=len(created), total=len(plan.parts), unit="backups", note=f"wrote {path}")
            )
        if plan.verify:
            manifests = [
                _verified(context, path=path, manifest=one)
                for path, one in zip(created, manifests, strict=True)
            ]
        return Outcome(
            summary=_told(created, manifests),
            freed_bytes=swept,
            changed=len(created),
            created=tuple(created),
            details={
                "backups": [
                    {
                        "file": str(path),
                        "sha256": manifest.sha256,
                        "size_bytes": manifest.size_bytes,
                        "rows": manifest.rows,
                        "left_out": manifest.left_out,
                        "verified": manifest.verified and manifest.verified.isoformat(),
                    }
                    for path, manifest in zip(created, manifests, strict=True)
                ]
            },
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
        return database_size_bytes(database.address)
    try:
        # The shop's interpreter has a driver and will use it: ours would be loaded for this alone.
        return int(context.shop.ask("database_size", stay=True, database=database.alias))
    except DatabaseUnavailable as error:
        raise DatabaseUnavailable(
            f"database {database.name} ({database.address.label}): {error.message}", hint=error.hint
        ) from None


def _write(context: Context, *, part: Part, path: Path, draft: Manifest, compress: bool) -> Manifest:
    if part.form == "native":
        # Loaded where it is used: a JSON backup waits for nothing that it does not need.
        from actions.backups.native_backup import write_native_backup

        return write_native_backup(
            part.database.address, context=context, path=path, draft=draft, compress=compress
        )
    assert part.database.alias is not None
    with quiet_conversation(
        context, alias=part.database.alias, address=part.database.address
    ) as conversation:
        return write_json_backup(
            conversation,
            context=context,
            alias=part.database.alias,
            path=path,
            draft=draft,
            compress=compress,
        )


def _verified(context: Context, *, path: Path, manifest: Manifest) -> Manifest:
    """Prove the backup by a restore; raises BackupRefused, and the backup stays, marked as not passed."""
    from actions.verify_backup import verify

    error = verify(context, Backup(path=path, manifest=manifest))
    if error:
        raise BackupRefused(f"the backup was made but does not restore: {error}")
    context.report(Progress(done=1, total=1, unit="backups", note=f"verified {path.name}"))
    return require_manifest(path)


def _json_ending(compress: bool) -> str:
    return ".json.gz" if compress else ".json"


def _native_ending(database: Database, *, compress: bool) -> str:
    from actions.backups.native_backup import native_ending

    return native_ending(database.address, compress=compress)


def _prefix(database: str) -> str:
    return "db_backup_" if database == "default" else f"db_backup_{database}_"


def _told(created: list[Path], manifests: list[Manifest]) -> str:
    size = format_size(sum(manifest.size_bytes for manifest in manifests))
    # The same rows in two formats are still the same rows.
    rows = sum({manifest.database: manifest.rows for manifest in reversed(manifests)}.values())
    names = ", ".join(path.name for path in created)
    return f"backed up {names}: {rows} rows, {size}" if rows else f"backed up {names}: {size}"
