"""Back the databases up: as JSON for ``manage.py loaddata``, in the database's own format, or both."""

import datetime as dt
from pathlib import Path
from typing import Literal

from pydantic import Field

from actions.action import Context, Outcome, Progress
from actions.backups.database_plan import BackupPlan, Part, plan_database_backup
from actions.backups.files import new_stem, next_number, sweep_partial_files
from actions.backups.json_backup import write_json_backup
from actions.backups.losses import notes_on
from actions.backups.manifest import require_manifest
from actions.backups.quiet_copy import quiet_conversation
from actions.backups.raw_sums import RawSumsProcess
from actions.encryption.at_rest import encrypt_at_rest, encrypts_at_rest, remove_clear_twins
from actions.scope import databases_of
from storekeeper.backups import Backup, Manifest
from storekeeper.config import Config
from storekeeper.config.fields import Model, ShopPath
from storekeeper.config.shared_text import shared_text
from storekeeper.errors import BackupRefused
from storekeeper.files import require_free_bytes
from storekeeper.units import format_size


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


class BackupDatabase:
    """The action ``backup_database``."""

    name = "backup_database"
    summary = "Back up the database: JSON that loaddata restores, the database's own format, or both."
    Options: type[Model] = BackupDatabaseOptions

    def resources(self, config: Config, options: BackupDatabaseOptions) -> tuple[str, ...]:
        """Lock the backups and each database that is read."""
        names = [options.database] if options.database else list(config.databases) or ["default"]
        trial = ("trial-restore",) if options.verify or encrypts_at_rest(config) else ()
        return ("backups", *trial, *(f"database-{name}" for name in names))

    def plan(self, context: Context, options: BackupDatabaseOptions) -> BackupPlan:
        """Look at the databases and the disk; raises StorekeeperError when one cannot be reached."""
        config = context.config
        description = context.shop.describe(stay=True)
        form = options.format or config.backups.format
        return plan_database_backup(
            context,
            databases_of(config, description=description, only=options.database),
            forms=("json", "native") if form == "both" else (form,),
            folder=options.output or config.backups.path,
            compress=config.backups.compress if options.compress is None else options.compress,
            # Who has no identity can verify no later.
            verify=options.verify or encrypts_at_rest(config),
            time_zone=description.time_zone,
        )

    def perform(self, context: Context, options: BackupDatabaseOptions, plan: BackupPlan) -> Outcome:
        """Write the files one after the other; raises StorekeeperError, and then the last one is absent."""
        swept = sweep_partial_files(plan.folder)
        remove_clear_twins(plan.folder, config=context.config)
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
                config=shared_text(context.config.text),
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
            for note in notes_on(manifests[-1]):
                context.report(Progress(done=len(created), total=len(plan.parts), unit="backups", note=note))
        try:
            if plan.verify:
                manifests = [
                    _verified(context, path=path, manifest=one)
                    for path, one in zip(created, manifests, strict=True)
                ]
        finally:
            created = [encrypt_at_rest(path, config=context.config) for path in created]
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
                        "loses": manifest.loses,
                        "lacks": manifest.lacks,
                        "verified": manifest.verified and manifest.verified.isoformat(),
                    }
                    for path, manifest in zip(created, manifests, strict=True)
                ]
            },
        )


def _write(context: Context, *, part: Part, path: Path, draft: Manifest, compress: bool) -> Manifest:
    if part.form == "native":
        # Loaded where it is used: a JSON backup waits for nothing that it does not need.
        from actions.backups.native_backup import write_native_backup

        return write_native_backup(
            part.database.address, context=context, path=path, draft=draft, compress=compress
        )
    assert part.database.alias is not None
    database = part.database
    with (
        RawSumsProcess(database.address) as process,
        quiet_conversation(context, alias=part.database.alias, address=database.address) as reading,
    ):
        return write_json_backup(
            reading,
            context=context,
            process=process,
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


def _told(created: list[Path], manifests: list[Manifest]) -> str:
    size = format_size(sum(manifest.size_bytes for manifest in manifests))
    # The same rows in two formats are still the same rows.
    rows = sum({manifest.database: manifest.rows for manifest in reversed(manifests)}.values())
    names = ", ".join(path.name for path in created)
    return f"backed up {names}: {rows} rows, {size}" if rows else f"backed up {names}: {size}"
