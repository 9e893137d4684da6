"""
Bring a whole shop back on an empty machine: databases and files, from the newest set that fits together.

Nothing that is there is replaced. A run that was killed is gone on with by the next one.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pydantic import Field

from actions.action import Context, Outcome, Progress
from actions.backups.media_restore import plan_media_restore, restore_media
from actions.backups.native_restore import count_present
from actions.offsite.place import OffsitePlace, redacted
from actions.recovery.area_compare import compare_area
from actions.recovery.backup_set import BackupSet, moment_of
from actions.recovery.fetching import fetch_set, repository_passwords
from actions.recovery.journal import BEGUN, DONE, RecoveryJournal
from actions.recovery.named_files import look_for_named_files
from actions.recovery.stages import Stages
from actions.recovery.still_missing import still_missing
from actions.recovery.whole_shop import kept_databases, set_of
from actions.restore_backup import RestoreBackup, RestoreBackupOptions
from actions.scope import Database
from storekeeper.backups import Backup
from storekeeper.config import Config
from storekeeper.config.fields import BackupPlace, IdentityFile, Model, Moment
from storekeeper.encryption import read_identities
from storekeeper.errors import BackupRefused, DatabaseUnavailable
from storekeeper.files.staged_folder import entries_of, is_being_published, remove_tree
from storekeeper.measure.recovery import FOLDER
from storekeeper.shop import ShopDescription
from storekeeper.units import format_length, format_size


class RecoverOptions(Model):
    """Where the backups are, and of which moment."""

    from_: BackupPlace = Field(description="URL or folder of the backups.")
    at: Moment | None = Field(
        default=None, description="Take nothing that was made after this moment, such as '2026-03-01 04:00'."
    )
    identity: IdentityFile | None = Field(
        default=None,
        description="File with the identity that decrypts the backups; default: $STOREKEEPER_IDENTITY_FILE.",
    )
    unverified: bool = Field(default=False, description="Take backups that were never verified, too.")


@dataclass(frozen=True, kw_only=True)
class RecoverPlan:
    """The set that comes back, the databases that it goes to, and what a killed run has restored already."""

    place: str
    chosen: BackupSet
    databases: tuple[Database, ...]
    done: tuple[str, ...]
    there: OffsitePlace = field(repr=False)
    description: ShopDescription = field(repr=False)

    @property
    def summary(self) -> str:
        """Say what would come back."""
        text = (
            f"would bring back {len(self.chosen.all)} backups ({format_size(self.chosen.size_bytes)}) of"
            f" {self.chosen.moment.astimezone():%Y-%m-%d %H:%M} from {self.place}"
        )
        done = [f"{', '.join(self.done)} are back already"] if self.done else []
        return "; ".join([text, *done, *self.chosen.notes])

    @property
    def empty(self) -> bool:
        """A recovery is never needless."""
        return False

    def rows(self) -> list[tuple[str, ...]]:
        """Return one row per backup."""
        return [
            ("backup", "of", "moment", "size"),
            *(
                (
                    one.file,
                    one.database or one.area,
                    f"{moment_of(one).astimezone():%Y-%m-%d %H:%M}",
                    format_size(one.size_bytes),
                )
                for one in self.chosen.all
            ),
        ]

    def as_json(self) -> dict[str, Any]:
        """Return the plan for a script."""
        return {
            "from": self.place,
            "backups": [one.file for one in self.chosen.all],
            "moment": self.chosen.moment.isoformat(),
            "done": list(self.done),
            "notes": list(self.chosen.notes),
        }


class Recover:
    """The action ``recover``: an operator's alone, so neither a playbook nor a schedule knows it."""

    name = "recover"
    summary = "Bring the whole shop back on an empty machine, from a place or folder of backups."
    Options: type[Model] = RecoverOptions

    def resources(self, config: Config, options: RecoverOptions) -> tuple[str, ...]:
        """Lock everything that comes back."""
        return ("backups", *config.areas, *(f"database-{name}" for name in config.databases or ("default",)))

    def plan(self, context: Context, options: RecoverOptions) -> RecoverPlan:
        """Find the set; raises BackupRefused, which names all of it, where something is there already."""
        there = OffsitePlace(str(options.from_))
        description = context.shop.describe()
        databases = tuple(kept_databases(context, description))
        chosen = set_of(
            context,
            there,
            description=description,
            databases=databases,
            at=options.at,
            unverified=options.unverified,
        )
        journal = RecoveryJournal(context.config.state)
        plan = RecoverPlan(
            place=redacted(str(options.from_)),
            chosen=chosen,
            databases=databases,
            done=tuple(one.file for one in chosen.all if journal.state_of(one) == DONE),
            there=there,
            description=description,
        )
        _require_empty(context, plan, journal=journal)
        return plan

    def perform(self, context: Context, options: RecoverOptions, plan: RecoverPlan) -> Outcome:
        """Fetch, restore what is not back yet, compare, and say what is missing; raises StorekeeperError."""
        stages = Stages()
        # Once: standard input can be read once.
        identities = read_identities(options.identity)
        journal = RecoveryJournal(context.config.state)
        fetched = context.config.state / FOLDER / "fetched"
        with stages.stage("fetch"):
            backups = fetch_set(
                context,
                plan.there,
                plan.chosen,
                url=str(options.from_),
                into=fetched,
                identities=identities,
            )
        for manifest in plan.chosen.databases:
            with stages.stage("database"):
                _restore_database(context, backups[manifest.file], journal=journal)
        for manifest in plan.chosen.areas:
            with stages.stage("files"):
                backup = backups[manifest.file]
                passwords = repository_passwords(
                    context, plan.there, manifest=backup.manifest, identities=identities
                )
                _restore_area(context, backup, journal=journal, passwords=passwords)
        with stages.stage("compare"):
            problems = _compare(context, plan, backups)
        journal.clear()
        remove_tree(fetched)
        age = (context.now() - plan.chosen.moment).total_seconds()
        missing = [*problems, *still_missing(context.config)]
        rows = sum(one.manifest.rows for one in backups.values())
        files = sum(one.manifest.files for one in backups.values())
        told = [
            f"the shop of {plan.chosen.moment.astimezone():%Y-%m-%d %H:%M} is back: {rows} rows,"
            f" {files} files",
            f"what was written in the {format_length(age)} since is lost",
            f"it took {stages.told}",
            *plan.chosen.notes,
            *missing,
        ]
        return Outcome(
            summary="; ".join(told),
            changed=rows + files,
            details={
                "moment": plan.chosen.moment.isoformat(),
                "age_seconds": age,
                "stages": stages.seconds,
                "rows": rows,
                "files": files,
                "missing": missing,
                "notes": list(plan.chosen.notes),
            },
        )


def _require_empty(context: Context, plan: RecoverPlan, *, journal: RecoveryJournal) -> None:
    """Raise BackupRefused, naming everything that holds something which no killed recovery has put there."""
    problems = []
    for manifest in plan.chosen.databases:
        database = next(one for one in plan.databases if one.name == (manifest.database or "default"))
        rows = _rows_in(context, database, native=manifest.format != "json")
        if rows and not journal.state_of(manifest):
            problems.append(f"the database {database.name} ({database.address.label}) holds {rows} rows")
    for manifest in plan.chosen.areas:
        folder = context.config.areas[manifest.area].path
        there = entries_of(folder)
        if there and not journal.state_of(manifest):
            problems.append(f"the area {manifest.area} ({folder}) holds {', '.join(there[:3])}")
    if problems:
        raise BackupRefused(
            f"nothing was restored: {'; '.join(problems)}",
            hint="recover is for an empty machine. storekeeper restore_backup --replace restores one backup",
        )


def _rows_in(context: Context, database: Database, *, native: bool) -> int:
    if native or database.alias is None:
        return sum(count_present(database.address).values())
    try:
        present: dict[str, int] = context.shop.ask("count_rows", database=database.alias)
    except DatabaseUnavailable as error:
        raise DatabaseUnavailable(
            error.message,
            hint=f"Make the database first: createdb, with the owner that the shop's settings name"
            f" ({database.address.label})",
        ) from None
    return sum(present.values())


def _restore_database(context: Context, backup: Backup, *, journal: RecoveryJournal) -> None:
    manifest = backup.manifest
    state = journal.state_of(manifest)
    if state == DONE:
        return
    action = RestoreBackup()
    # What a killed run has left there is of this very backup, or of migrations; it is backed up all the same.
    options = RestoreBackupOptions(file=backup.path, database=manifest.database or None, replace=bool(state))
    plan = action.plan(context, options)
    journal.note(manifest, BEGUN)
    outcome = action.perform(context, options, plan)
    journal.note(manifest, DONE)
    context.report(Progress(done=1, unit="backups", note=outcome.summary))


def _restore_area(
    context: Context, backup: Backup, *, journal: RecoveryJournal, passwords: Sequence[bytes]
) -> None:
    manifest = backup.manifest
    state = journal.state_of(manifest)
    if state == DONE:
        return
    folder = context.config.areas[manifest.area].path
    begun = is_being_published(folder, token=manifest.sha256[:12])
    if state == BEGUN and entries_of(folder) and not begun and compare_area(folder, backup).equal:
        # Killed after the files had their place, and before that was noted.
        journal.note(manifest, DONE)
        return
    plan = plan_media_restore(context, backup, area=None, replace=False)
    journal.note(manifest, BEGUN)
    outcome = restore_media(context, plan, passwords=passwords)
    journal.note(manifest, DONE)
    context.report(Progress(done=1, unit="backups", note=outcome.summary))


def _compare(context: Context, plan: RecoverPlan, backups: dict[str, Backup]) -> list[str]:
    """Return what is not as it was backed up, and which files that rows name are not there."""
    problems = []
    roots: dict[str, Path] = {}
    for manifest in plan.chosen.areas:
        folder = context.config.areas[manifest.area].path
        compared = compare_area(folder, backups[manifest.file])
        if not compared.equal:
            problems.append(f"area {manifest.area}: {compared.told}")
        if lacks := backups[manifest.file].manifest.lacks:
            problems.append(f"area {manifest.area}: {lacks}")
        roots[manifest.area] = folder
    restored = {one.database or "default" for one in plan.chosen.databases}
    databases = {one.alias or one.name: one.address for one in plan.databases if one.name in restored}
    found = look_for_named_files(
        context.config, description=plan.description, databases=databases, roots=roots
    )
    if found.missing_files:
        problems.append(found.told)
    return problems
