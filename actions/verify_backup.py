"""Prove backups by restoring them into a scratch database; only a proved one counts."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import Field

from actions.action import Context, Outcome, Progress
from actions.backups.manifest import mark_failed, mark_verified, require_manifest
from actions.backups.trial_restore import Loader, NotProved, try_restore
from actions.scope import databases_of
from storekeeper.backups import Backup, find_backups, read_manifest
from storekeeper.config import Config
from storekeeper.config.fields import Model, ShopPath
from storekeeper.errors import BackupRefused
from storekeeper.units import format_size


class VerifyBackupOptions(Model):
    """Which backups are tried, and how."""

    file: ShopPath | None = Field(
        default=None,
        description="This backup; without it the newest one of each database and format.",
        json_schema_extra={"argument": True},
    )
    all: bool = Field(default=False, description="Every backup that was not verified yet.")
    loader: Loader = Field(
        default="auto", description="How JSON is loaded: loaddata, in batches, or by the number of rows."
    )


@dataclass(frozen=True, kw_only=True)
class VerifyPlan:
    """The backups that would be restored, the newest first."""

    backups: tuple[Backup, ...]

    @property
    def summary(self) -> str:
        """Say what would be tried."""
        count = len(self.backups)
        return f"would restore {count} backup{'s' if count != 1 else ''} into a scratch database and compare"

    @property
    def empty(self) -> bool:
        """True when every backup in question is verified."""
        return not self.backups

    def rows(self) -> list[tuple[str, ...]]:
        """Give one row per backup."""
        return [
            ("backup", "database", "made", "size"),
            *(
                (
                    backup.path.name,
                    backup.manifest.database,
                    f"{backup.manifest.created.astimezone():%Y-%m-%d %H:%M}",
                    format_size(backup.manifest.size_bytes),
                )
                for backup in self.backups
            ),
        ]

    def as_json(self) -> dict[str, Any]:
        """Give the plan for a script."""
        return {"backups": [str(backup.path) for backup in self.backups]}


class VerifyBackup:
    """The action ``verify_backup``."""

    name = "verify_backup"
    summary = "Restore a backup into a scratch database and compare every table with what was backed up."
    Options: type[Model] = VerifyBackupOptions

    def resources(self, config: Config, options: VerifyBackupOptions) -> tuple[str, ...]:
        """Lock trial restores: a backup may be made meanwhile."""
        return ("trial-restore",)

    def plan(self, context: Context, options: VerifyBackupOptions) -> VerifyPlan:
        """Find the backups; a file that is named is tried again even if it was verified before."""
        if options.file is not None:
            manifest = require_manifest(options.file)
            return VerifyPlan(backups=(Backup(path=options.file, manifest=manifest),))
        found = find_backups(context.config.backups.path)
        if not options.all:
            newest: dict[tuple[str, str], Backup] = {}
            for backup in found:
                newest.setdefault((backup.manifest.database, backup.manifest.format), backup)
            found = list(newest.values())
        return VerifyPlan(backups=tuple(backup for backup in found if not backup.verified))

    def perform(self, context: Context, options: VerifyBackupOptions, plan: VerifyPlan) -> Outcome:
        """Try one after the other; raises BackupRefused, after all of them, when one did not pass."""
        if plan.empty:
            return Outcome(summary="every backup in question is verified already")
        passed: list[Path] = []
        failed: list[str] = []
        for backup in plan.backups:
            error = verify(context, backup, loader=options.loader)
            if error:
                failed.append(error)
            else:
                passed.append(backup.path)
            context.report(
                Progress(
                    done=len(passed) + len(failed),
                    total=len(plan.backups),
                    unit="backups",
                    note=error or f"verified {backup.path.name}",
                )
            )
        if failed:
            raise BackupRefused(
                f"{len(failed)} of {len(plan.backups)} backups did not pass: {'; '.join(failed)}",
                hint="They do not count. Make a new one with storekeeper backup_database --verify",
            )
        return Outcome(
            summary=f"verified {', '.join(path.name for path in passed)}",
            changed=len(passed),
            details={"verified": [str(path) for path in passed]},
        )


def verify(context: Context, backup: Backup, *, loader: Loader = "auto") -> str:
    """
    Try one backup and write the result into its manifest; gives what is wrong with it, or nothing.

    Raises StorekeeperError where the trial could not be made; the manifest then stays as it was.
    """
    databases = {
        database.name: database
        for database in databases_of(context.config, description=context.shop.describe())
    }
    database = databases.get(backup.manifest.database)
    if database is None:
        raise BackupRefused(
            f"{backup.path.name} is of a database {backup.manifest.database!r} that the config does not have"
        )
    engine = database.address.engine.value
    if engine != backup.manifest.engine:
        raise BackupRefused(
            f"{backup.path.name} is of {backup.manifest.engine}, and {database.name} is now {engine}"
        )
    try:
        how = try_restore(backup.path, backup.manifest, context=context, database=database, loader=loader)
    except NotProved as error:
        if read_manifest(backup.path) is not None:
            mark_failed(backup.path, backup.manifest, error=error.message)
        return error.message
    if read_manifest(backup.path) is None:
        return f"{backup.path.name} was removed meanwhile"
    mark_verified(backup.path, backup.manifest, at=context.now(), by=how)
    return ""
