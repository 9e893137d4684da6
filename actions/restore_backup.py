"""Bring a database or an area of files back: where nothing is, or, when a person says so, in its place."""

import datetime as dt
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from pydantic import Field

from actions.action import Context, Outcome, Progress
from actions.backup_database import BackupDatabase, BackupDatabaseOptions
from actions.backups.damage import require_whole
from actions.backups.fixture_restore import load_fixture
from actions.backups.manifest import require_manifest
from actions.backups.media_restore import MediaRestorePlan, plan_media_restore, restore_media
from actions.backups.native_restore import cannot_be_read, count_present, require_fitting, restore_native
from actions.backups.raw_comparison import compare_restored
from actions.backups.trial_restore import Loader, choose_loader
from actions.encryption.decrypting import readable_backup
from actions.encryption.manifests import decrypted_manifest
from actions.media.quarantine import Quarantine
from actions.scope import Database, databases_of
from storekeeper.backups import MEDIA, Backup, Manifest, read_manifest
from storekeeper.config import Config
from storekeeper.config.fields import IdentityFile, Model, Name, ShopPath
from storekeeper.encryption import Identities, read_identities
from storekeeper.encryption.streams import require_identities
from storekeeper.errors import BackupRefused, ConfigurationError

_SHOWN = 5


class RestoreBackupOptions(Model):
    """What is restored, and where to."""

    file: ShopPath = Field(description="The backup.", json_schema_extra={"argument": True})
    database: str | None = Field(
        default=None, description="Database of the config; default: the one that was backed up."
    )
    area: Name | None = Field(
        default=None,
        description="Area of the config for a backup of files; default: the one that was backed up.",
    )
    replace: bool = Field(
        default=False,
        description="Replace the rows that are there, after a fresh backup of them, or the files, which are"
        " set aside.",
    )
    loader: Loader = Field(
        default="auto", description="How rows are loaded: loaddata, in batches, or by their number."
    )
    identity: IdentityFile | None = Field(
        default=None,
        description="File with the age identity of an encrypted backup, - for standard input; default:"
        " $STOREKEEPER_IDENTITY_FILE.",
    )


@dataclass(frozen=True, kw_only=True)
class RestorePlan:
    """The backup, the database it goes to, and the rows that are there now."""

    backup: Backup
    database: Database
    present: dict[str, int]
    replace: bool
    damaged: bool = False
    """The database is an SQLite file that cannot be read; it would be set aside."""
    identities: Identities | None = field(default=None, repr=False)
    """What decrypts the backup; the manifest in the plan is decrypted already."""

    @property
    def summary(self) -> str:
        """Say what would come and what would go."""
        there = sum(self.present.values())
        over = f", in the place of {there} rows, which are backed up first" if there else ""
        if self.damaged:
            over = ", in the place of a damaged file, which is set aside"
        return (
            f"would restore {self.backup.manifest.rows} rows of {self.backup.path.name} into the database "
            f"{self.database.name} ({self.database.address.label}){over}"
        )

    @property
    def empty(self) -> bool:
        """A restore is never needless."""
        return False

    def rows(self) -> list[tuple[str, ...]]:
        """Give one row per table."""
        tables = self.backup.manifest.tables
        return [
            ("table", "rows in the backup", "rows now"),
            *(
                (
                    label,
                    str(tables[label].rows if label in tables else 0),
                    str(self.present.get(label, 0)),
                )
                for label in sorted({*tables, *self.present})
            ),
        ]

    def as_json(self) -> dict[str, Any]:
        """Give the plan for a script."""
        return {
            "file": str(self.backup.path),
            "created": self.backup.manifest.created.isoformat(),
            "verified": self.backup.verified,
            "database": self.database.name,
            "rows": self.backup.manifest.rows,
            "present": self.present,
            "damaged": self.damaged,
            "replace": self.replace,
        }


class RestoreBackup:
    """The action ``restore_backup``; no playbook may use it."""

    name = "restore_backup"
    summary = (
        "Restore a backup into an empty database or folder, or with --replace in the place of what is there."
    )
    Options: type[Model] = RestoreBackupOptions

    def resources(self, config: Config, options: RestoreBackupOptions) -> tuple[str, ...]:
        """Lock the area of a backup of files, else every database."""
        manifest = read_manifest(options.file)
        if manifest is not None and manifest.kind == MEDIA:
            return ("backups", options.area or manifest.area)
        return ("backups", *(f"database-{name}" for name in config.databases or ("default",)))

    def plan(self, context: Context, options: RestoreBackupOptions) -> RestorePlan | MediaRestorePlan:
        """Look at the backup and its place; raises BackupRefused when something is there and may not go."""
        _require_person(context)
        manifest = require_manifest(options.file)
        if manifest.verification_error and not (manifest.lacks or manifest.differs):
            raise BackupRefused(
                f"{options.file.name} did not pass its test: {manifest.verification_error}",
                hint="storekeeper verify_backup FILE tries it again",
            )
        identities = None
        if manifest.encrypted:
            identities = require_identities(
                read_identities(options.identity), name=options.file.name, recipients=manifest.recipients
            )
            manifest = decrypted_manifest(manifest, identities=identities)
        if manifest.kind == MEDIA:
            backup = Backup(path=options.file, manifest=manifest)
            plan = plan_media_restore(context, backup, area=options.area, replace=options.replace)
            return replace(plan, identities=identities)
        return replace(self._plan_database(context, options, manifest), identities=identities)

    def _plan_database(
        self, context: Context, options: RestoreBackupOptions, manifest: Manifest
    ) -> RestorePlan:
        name = options.database or manifest.database
        (database,) = databases_of(context.config, description=context.shop.describe(), only=name)
        native = manifest.format != "json"
        if not native and database.alias is None:
            raise BackupRefused(f"{options.file.name}: the shop's Django does not know the database {name}")
        if native:
            require_fitting(manifest, address=database.address, config=context.config)
        damaged = native and cannot_be_read(database.address)
        present = {} if damaged else _present(context, database, native=native)
        if (present or damaged) and not options.replace:
            raise BackupRefused(
                f"the database {name} ({database.address.label}) "
                + (
                    "is damaged"
                    if damaged
                    else f"holds {sum(present.values())} rows in {len(present)} tables: {_first(present)}"
                ),
                hint="--replace puts the backup in its place; what is there is kept first",
            )
        return RestorePlan(
            backup=Backup(path=options.file, manifest=manifest),
            database=database,
            present=present,
            replace=options.replace,
            damaged=damaged,
        )

    def perform(
        self, context: Context, options: RestoreBackupOptions, plan: RestorePlan | MediaRestorePlan
    ) -> Outcome:
        """
        Back up what is there, then restore in one transaction and compare before the commit.

        Files are set aside and not backed up. Raises StorekeeperError; all is then as it was before.
        """
        _require_person(context)
        with self._readable(context, plan) as backup:
            if isinstance(plan, MediaRestorePlan):
                return restore_media(context, replace(plan, backup=backup))
            return self._restore_rows(context, options, replace(plan, backup=backup))

    @contextmanager
    def _readable(self, context: Context, plan: RestorePlan | MediaRestorePlan) -> Iterator[Backup]:
        """Yield the backup, decrypted where it is encrypted."""
        if plan.identities is None:
            yield plan.backup
            return
        path = plan.backup.path
        manifest = require_manifest(path)
        require_whole(path, manifest)
        with readable_backup(
            path, manifest, identities=plan.identities, folder=context.config.state / "scratch"
        ) as (plain, whole):
            yield Backup(path=plain, manifest=whole)

    def _restore_rows(self, context: Context, options: RestoreBackupOptions, plan: RestorePlan) -> Outcome:
        manifest, path = plan.backup.manifest, plan.backup.path
        require_whole(path, manifest)
        native = manifest.format != "json"
        kept: tuple[Path, ...] = ()
        notes: tuple[str, ...] = ()
        missing: tuple[str, ...] = ()
        if not plan.damaged and _present(context, plan.database, native=native):
            if not plan.replace:
                raise BackupRefused(f"rows have come into the database {plan.database.name} meanwhile")
            kept = self._back_up(context, plan)
        if native:
            restored = restore_native(path, manifest, context=context, address=plan.database.address)
            kept = (*kept, *((restored.aside,) if restored.aside else ()))
            notes = restored.notes
        else:
            assert plan.database.alias is not None
            with context.shop.talk() as conversation:
                loaded = load_fixture(
                    conversation,
                    context=context,
                    alias=plan.database.alias,
                    backup=path,
                    manifest=manifest,
                    loader=choose_loader(options.loader, rows=manifest.rows),
                    past=False,
                )
            missing = loaded.missing_sequences
            compared = compare_restored(manifest, address=plan.database.address, missing=missing)
            notes = (compared,) if compared else ()
        told = [
            f"restored {manifest.rows} rows of {path.name} into the database {plan.database.name}",
            *(f"what was there is in {one.name}" for one in kept),
            *notes,
        ]
        if manifest.verification_error:
            told.append(f"its test has shown what does not come back: {manifest.verification_error}")
        told += [
            f"the sequence {_stood(manifest, name)}, and is not here: make it and set it" for name in missing
        ]
        if native:
            told.append("run manage.py migrate if the shop's code is newer than the backup")
        if plan.damaged:
            told.append("restart the shop: it may still have the damaged file open")
        if _set_aside_since(context.config, manifest.created):
            told.append(
                "run cleanup_orphaned_media: it brings back those files of these rows that have gone into"
                " quarantine since"
            )
        return Outcome(
            summary="; ".join(told),
            changed=manifest.rows,
            created=kept,
            details={"rows": manifest.rows, "before": [str(one) for one in kept]},
        )

    def _back_up(self, context: Context, plan: RestorePlan) -> tuple[Path, ...]:
        """Make a backup of the rows that are about to go; no restore without it."""
        action = BackupDatabase()
        # In the same format: what the one does not hold, the other would not bring back either.
        options = BackupDatabaseOptions(
            database=plan.database.name,
            format="json" if plan.backup.manifest.format == "json" else "native",
        )
        outcome = action.perform(context, options, action.plan(context, options))
        context.report(Progress(done=0, unit="rows", note=f"backed up what is there: {outcome.created[0]}"))
        return outcome.created


def _first(names: Collection[str]) -> str:
    told = ", ".join(sorted(names)[:_SHOWN])
    return f"{told}, …" if len(names) > _SHOWN else told


def _stood(manifest: Manifest, name: str) -> str:
    assert manifest.raw is not None
    return f"{name} stood at {manifest.raw.sequences[name].value}"


def _present(context: Context, database: Database, *, native: bool) -> dict[str, int]:
    """Give the rows of each table that has any; those that migrate alone makes are left aside."""
    if native:
        return count_present(database.address)
    present: dict[str, int] = context.shop.ask("count_rows", database=database.alias)
    return present


def _require_person(context: Context) -> None:
    """A run that a playbook or a schedule started must not replace a shop's rows."""
    if context.attributes.get("trigger") in ("alert", "schedule"):
        raise ConfigurationError("restore_backup is for a person; no playbook and no schedule may use it")


def _set_aside_since(config: Config, moment: dt.datetime) -> bool:
    return any(run.moment > moment for area in config.areas for run in Quarantine(config, area=area).runs())
