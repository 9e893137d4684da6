"""Bring a database back from a JSON backup: an empty one, or, when a person says so, what is there now."""

from dataclasses import dataclass
from typing import Any

from pydantic import Field

from actions.action import Context, Outcome, Progress
from actions.backup_database import BackupDatabase, BackupDatabaseOptions
from actions.backups.manifest import require_manifest
from actions.backups.trial_restore import Loader, choose_loader, load_fixture, require_whole
from actions.scope import Database, databases_of
from storekeeper.backups import Backup
from storekeeper.config import Config
from storekeeper.config.fields import Model, ShopPath
from storekeeper.errors import BackupRefused, ConfigurationError

_NATIVE_HINTS = {
    "sqlite": "Stop the shop, unpack the file in the place of its database, remove -wal and -shm beside it",
    "postgresql": "createdb NEW, then pg_restore --exit-on-error --single-transaction --dbname=NEW FILE",
}


class RestoreBackupOptions(Model):
    """What is restored, and where to."""

    file: ShopPath = Field(description="The backup.", json_schema_extra={"argument": True})
    database: str | None = Field(
        default=None, description="Database of the config; default: the one that was backed up."
    )
    replace: bool = Field(
        default=False, description="Replace the rows that are there, after a fresh backup of them."
    )
    loader: Loader = Field(
        default="auto", description="How rows are loaded: loaddata, in batches, or by their number."
    )


@dataclass(frozen=True, kw_only=True)
class RestorePlan:
    """The backup, the database it goes to, and the rows that are there now."""

    backup: Backup
    database: Database
    present: dict[str, int]
    replace: bool

    @property
    def summary(self) -> str:
        """Say what would come and what would go."""
        there = sum(self.present.values())
        over = f", in the place of {there} rows, which are backed up first" if there else ""
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
            "replace": self.replace,
        }


class RestoreBackup:
    """The action ``restore_backup``; no playbook may use it."""

    name = "restore_backup"
    summary = "Restore a JSON backup into an empty database, or with --replace over the rows that are there."
    Options: type[Model] = RestoreBackupOptions

    def resources(self, config: Config, options: RestoreBackupOptions) -> tuple[str, ...]:
        """Lock every database: which one it is stands in the backup's manifest."""
        return ("backups", *(f"database-{name}" for name in config.databases or ("default",)))

    def plan(self, context: Context, options: RestoreBackupOptions) -> RestorePlan:
        """Look at the backup and the database; raises BackupRefused when rows are there and may not go."""
        _require_person(context)
        manifest = require_manifest(options.file)
        name = options.database or manifest.database
        (database,) = databases_of(context.config, description=context.shop.describe(), only=name)
        if manifest.format != "json" or database.alias is None:
            raise BackupRefused(
                f"{options.file.name} is in the database's own format: it is restored with its own tools",
                hint=_NATIVE_HINTS[manifest.engine],
            )
        if manifest.verification_error:
            raise BackupRefused(
                f"{options.file.name} did not pass its test: {manifest.verification_error}",
                hint="storekeeper verify_backup FILE tries it again",
            )
        present: dict[str, int] = context.shop.ask("count_rows", database=database.alias)
        if present and not options.replace:
            raise BackupRefused(
                f"the database {name} ({database.address.label}) holds {sum(present.values())} rows in "
                f"{len(present)} tables",
                hint="--replace puts the backup in their place; they are backed up first",
            )
        return RestorePlan(
            backup=Backup(path=options.file, manifest=manifest),
            database=database,
            present=present,
            replace=options.replace,
        )

    def perform(self, context: Context, options: RestoreBackupOptions, plan: RestorePlan) -> Outcome:
        """
        Back up what is there, then restore in one transaction and compare every row before the commit.

        Raises StorekeeperError; the rows are then as they were before.
        """
        _require_person(context)
        require_whole(plan.backup.path, plan.backup.manifest)
        assert plan.database.alias is not None
        before: tuple[Any, ...] = ()
        if context.shop.ask("count_rows", database=plan.database.alias):
            if not plan.replace:
                raise BackupRefused(f"rows have come into the database {plan.database.name} meanwhile")
            before = self._back_up(context, plan)
        with context.shop.talk() as conversation:
            load_fixture(
                conversation,
                context=context,
                alias=plan.database.alias,
                backup=plan.backup.path,
                manifest=plan.backup.manifest,
                loader=choose_loader(options.loader, rows=plan.backup.manifest.rows),
            )
        kept = f"; what was there is in {before[0].name}" if before else ""
        return Outcome(
            summary=f"restored {plan.backup.manifest.rows} rows of {plan.backup.path.name} into the database "
            f"{plan.database.name}{kept}",
            changed=plan.backup.manifest.rows,
            created=before,
            details={"rows": plan.backup.manifest.rows, "before": [str(path) for path in before]},
        )

    def _back_up(self, context: Context, plan: RestorePlan) -> tuple[Any, ...]:
        """Make a backup of the rows that are about to go; no restore without it."""
        action = BackupDatabase()
        options = BackupDatabaseOptions(database=plan.database.name, format="json")
        outcome = action.perform(context, options, action.plan(context, options))
        context.report(Progress(done=0, unit="rows", note=f"backed up what is there: {outcome.created[0]}"))
        return outcome.created


def _require_person(context: Context) -> None:
    """A run that a playbook or a schedule started must not replace a shop's rows."""
    if context.attributes.get("trigger") in ("alert", "schedule"):
        raise ConfigurationError("restore_backup is for a person; no playbook and no schedule may use it")
