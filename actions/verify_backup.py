"""
Prove backups: databases by a restore into a scratch one, media by reading every file in the archive.

Only a proved one counts, and only as long as its bytes are what they were: each run reads the proved ones
again.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from pydantic import Field

from actions.action import Context, Outcome, Progress
from actions.backups.damage import Differs, NotProved, read_damage, require_whole
from actions.backups.manifest import mark_failed, mark_verified, require_manifest
from actions.backups.media_check import try_media
from actions.backups.restic.check import adopt_snapshots, check_repositories, try_snapshot
from actions.backups.restic.records import records_of
from actions.backups.trial_restore import Loader, try_restore
from actions.encryption.decrypting import readable_backup
from actions.scope import databases_of
from storekeeper.backups import KINDS, MEDIA, Backup, find_backups, find_strangers, read_manifest
from storekeeper.config import Config
from storekeeper.config.fields import IdentityFile, Model, ShopPath
from storekeeper.encryption import Identities, read_identities
from storekeeper.errors import BackupRefused, StorekeeperError
from storekeeper.units import format_size


class VerifyBackupOptions(Model):
    """Which backups are tried, and how."""

    file: ShopPath | None = Field(
        default=None,
        description="This backup; without it the newest of each database and format, and of each area.",
        json_schema_extra={"argument": True},
    )
    all: bool = Field(default=False, description="Every backup that was not verified yet.")
    loader: Loader = Field(
        default="auto", description="How JSON is loaded: loaddata, in batches, or by the number of rows."
    )
    identity: IdentityFile | None = Field(
        default=None,
        description="File with the age identity of encrypted backups, - for standard input; default:"
        " $STOREKEEPER_IDENTITY_FILE.",
    )


@dataclass(frozen=True, kw_only=True)
class VerifyPlan:
    """
    The backups that would be tried, the newest first, and the proved ones that would be read again.

    ``strangers`` are files whose manifests are damaged: nothing can be tried with them, and it is told.
    """

    backups: tuple[Backup, ...]
    proved: tuple[Backup, ...] = ()
    strangers: tuple[str, ...] = ()

    @property
    def summary(self) -> str:
        """Say what would be tried."""
        count = len(self.backups)
        text = f"would try {count} backup{'s' if count != 1 else ''} and compare"
        if self.proved:
            text += f"; would read {len(self.proved)} again that are verified"
        return "; ".join([text, *(f"the manifest of {name} is damaged" for name in self.strangers)])

    @property
    def count(self) -> int:
        """Give how many are looked at."""
        return len(self.backups) + len(self.proved) + len(self.strangers)

    @property
    def empty(self) -> bool:
        """True when there is nothing to try and nothing to read."""
        return not self.count

    def rows(self) -> list[tuple[str, ...]]:
        """Give one row per backup."""
        return [
            ("backup", "of", "made", "size"),
            *(
                (
                    backup.path.name,
                    backup.manifest.database or backup.manifest.area,
                    f"{backup.manifest.created.astimezone():%Y-%m-%d %H:%M}",
                    format_size(backup.manifest.held_bytes),
                )
                for backup in self.backups
            ),
        ]

    def as_json(self) -> dict[str, Any]:
        """Give the plan for a script."""
        return {
            "backups": [str(backup.path) for backup in self.backups],
            "read_again": [str(backup.path) for backup in self.proved],
            "damaged_manifests": list(self.strangers),
        }


class VerifyBackup:
    """The action ``verify_backup``."""

    name = "verify_backup"
    summary = "Restore a backup into a scratch database, or read one of media, and compare all that it holds."
    Options: type[Model] = VerifyBackupOptions

    def resources(self, config: Config, options: VerifyBackupOptions) -> tuple[str, ...]:
        """Lock trial restores: a backup may be made meanwhile."""
        return ("trial-restore",)

    def plan(self, context: Context, options: VerifyBackupOptions) -> VerifyPlan:
        """Find the backups; a file that is named is tried again even if it was verified before."""
        if options.file is not None:
            manifest = require_manifest(options.file)
            if not manifest.is_of(context.config.shop):
                # A trial with the code of this shop would prove nothing, and what it notes would count.
                raise BackupRefused(
                    f"{options.file.name} is of the shop {manifest.shop!r}, not of {context.config.shop!r}",
                    hint="Verify it with the config of its own shop",
                )
            return VerifyPlan(backups=(Backup(path=options.file, manifest=manifest),))
        folder, shop = context.config.backups.path, context.config.shop
        every = [backup for kind in KINDS for backup in find_backups(folder, kind=kind, shop=shop)]
        found = every
        if not options.all:
            newest: dict[tuple[str, str, str], Backup] = {}
            for backup in every:
                told = backup.manifest
                newest.setdefault((told.database, told.area, told.format), backup)
            found = list(newest.values())
        return VerifyPlan(
            backups=tuple(backup for backup in found if not backup.verified),
            proved=tuple(backup for backup in every if backup.verified),
            strangers=tuple(
                one.file.name for kind in KINDS for one in find_strangers(folder, kind=kind) if one.damaged
            ),
        )

    def perform(self, context: Context, options: VerifyBackupOptions, plan: VerifyPlan) -> Outcome:
        """
        Try one after the other; raises BackupRefused, after all of them, when one did not pass.

        Where one could not be tried, and all others passed, the error that says why is raised at the end.
        """
        adopted = adopt_snapshots(context) if options.file is None else 0
        if plan.empty and not adopted:
            return Outcome(summary="there is no backup")
        encrypted = any(backup.manifest.encrypted for backup in plan.backups)
        identities = read_identities(options.identity) if encrypted else None
        passed: list[Path] = []
        failed = [f"the manifest of {name} is damaged" for name in plan.strangers]
        failed += filter(None, (_read_again(context, backup) for backup in plan.proved))
        not_tried: list[StorekeeperError] = []
        try:
            if options.file is None:
                failed += check_repositories(context, records_of(context))
        except StorekeeperError as reason:
            not_tried.append(reason)
        for planned in plan.backups:
            backup = _as_it_is_now(planned)
            if backup.verified and planned.manifest.verification_error:
                # The check of its repository has taken back what an earlier one said.
                passed.append(backup.path)
                continue
            try:
                error = verify(context, backup, loader=options.loader, identities=identities)
            except StorekeeperError as reason:
                if len(plan.backups) == 1 and not failed:
                    raise
                not_tried.append(reason)
                error = reason.message
            else:
                if error:
                    failed.append(error)
                else:
                    passed.append(backup.path)
            context.report(
                Progress(
                    done=len(passed) + len(not_tried),
                    total=len(plan.backups),
                    unit="backups",
                    note=error or f"verified {backup.path.name}",
                )
            )
        if failed:
            raise BackupRefused(
                f"{len(failed)} of {plan.count} backups did not pass: {'; '.join(failed)}",
                hint="They do not count. Make a new one with storekeeper backup_database --verify",
            )
        if not_tried:
            raise not_tried[0]
        told = [f"verified {', '.join(path.name for path in passed)}"] if passed else []
        if plan.proved:
            told.append(f"{len(plan.proved)} verified before are as they were")
        if adopted:
            told.append(f"{adopted} snapshots had no record, and have one now; the next run verifies them")
        return Outcome(
            summary="; ".join(told),
            changed=len(passed),
            details={"verified": [str(path) for path in passed]},
        )


def verify(
    context: Context, backup: Backup, *, loader: Loader = "auto", identities: Identities | None = None
) -> str:
    """
    Try one backup and write the result into its manifest; gives what is wrong with it, or nothing.

    Raises StorekeeperError where the trial could not be made; the manifest then stays as it was.
    """
    if backup.manifest.snapshot_id:
        return _note(context, backup, lambda: try_snapshot(context, backup))
    if not backup.manifest.encrypted:
        return _note(context, backup, lambda: _proof(context, backup, loader=loader))

    def decrypted_proof() -> str:
        require_whole(backup.path, backup.manifest)
        with readable_backup(
            backup.path, backup.manifest, identities=identities, folder=context.config.state / "scratch"
        ) as (path, whole):
            return _proof(context, Backup(path=path, manifest=whole), loader=loader)

    return _note(context, backup, decrypted_proof)


def _proof(context: Context, backup: Backup, *, loader: Loader) -> str:
    """Try a backup that can be read and return how it was proved; raises NotProved."""
    if backup.manifest.kind == MEDIA:
        return try_media(backup.path, backup.manifest)
    name = backup.manifest.database
    if name not in (context.config.databases or ["default"]):
        raise BackupRefused(f"{backup.path.name} is of a database {name!r} that the config does not have")
    [database] = databases_of(context.config, description=context.shop.describe(stay=True), only=name)
    engine = database.address.engine.value
    if engine != backup.manifest.engine:
        raise BackupRefused(
            f"{backup.path.name} is of {backup.manifest.engine}, and {database.name} is now {engine}"
        )
    return try_restore(backup.path, backup.manifest, context=context, database=database, loader=loader)


def _as_it_is_now(backup: Backup) -> Backup:
    """Return a backup with the manifest that lies there now."""
    return replace(backup, manifest=read_manifest(backup.path) or backup.manifest)


def _read_again(context: Context, backup: Backup) -> str:
    """Read a verified backup; one that has changed is verified no more. Gives what is wrong with it."""
    damage = read_damage(backup.path, backup.manifest)
    if not damage or read_manifest(backup.path) != backup.manifest:
        return ""
    mark_failed(backup.path, backup.manifest, error=damage)
    context.report(Progress(done=0, unit="backups", note=f"{backup.path.name}: {damage}"))
    return f"{backup.path.name}: {damage}"


def _note(context: Context, backup: Backup, proof: Callable[[], str]) -> str:
    """Make the trial and write into the manifest what came of it."""
    try:
        how = proof()
    except NotProved as error:
        if read_manifest(backup.path) is not None:
            mark_failed(backup.path, backup.manifest, error=error.message, differs=isinstance(error, Differs))
        return error.message
    if read_manifest(backup.path) is None:
        return f"{backup.path.name} was removed meanwhile"
    mark_verified(backup.path, backup.manifest, at=context.now(), by=how)
    return ""
