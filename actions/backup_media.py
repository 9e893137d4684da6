"""Back up the uploaded files of an area: an archive that any tar can read, or a snapshot of restic."""

import datetime as dt
from collections.abc import Sequence
from pathlib import Path

from pydantic import Field

from actions.action import Context, Outcome, Progress
from actions.backups.files import free_stem, next_number, sweep_partial_files
from actions.backups.media_archive import write_media_backup
from actions.backups.media_plan import MediaBackupPlan, plan_media_backup
from actions.backups.restic.backup import write_snapshot
from actions.backups.restic.records import adopt
from actions.backups.restic.repository import repository_of
from actions.backups.restic.snapshots import open_or_make
from actions.encryption.at_rest import encrypt_at_rest, remove_clear_twins
from storekeeper.backups import MEDIA, Manifest
from storekeeper.config import Config
from storekeeper.config.fields import Model, Name, ShopPath
from storekeeper.config.shared_text import shared_text
from storekeeper.errors import ConfigurationError
from storekeeper.files import require_free_bytes
from storekeeper.units import format_size


class BackupMediaOptions(Model):
    """What to back up and where to."""

    area: Name = Field(default="media", description="The area of the config whose files are backed up.")
    output: ShopPath | None = Field(
        default=None, description="Folder for the backup instead of the config's."
    )


class BackupMedia:
    """
    The action ``backup_media``.

    Everything in the area goes in, also what its ``ignore`` names: that speaks of files without rows, which
    are wanted all the same. Links are not followed, and storekeeper's own folders stay out.
    """

    name = "backup_media"
    summary = "Back up the uploaded files, as an archive or a snapshot of restic, read back before it counts."
    Options: type[Model] = BackupMediaOptions

    def resources(self, config: Config, options: BackupMediaOptions) -> tuple[str, ...]:
        """Lock the backups, and the area: nothing is cleaned away between the rows' backup and the files'."""
        return ("backups", options.area)

    def plan(self, context: Context, options: BackupMediaOptions) -> MediaBackupPlan:
        """Count the files and look at the disk; raises StorekeeperError when the area cannot be read."""
        areas = context.config.areas
        if options.area not in areas:
            raise ConfigurationError(
                f"the config has no area {options.area!r}", hint=f"Its areas: are {', '.join(areas)}"
            )
        root = areas[options.area].path
        folder = options.output or context.config.backups.path
        if _inside(folder, root):
            raise ConfigurationError(
                f"{folder} lies in {root}: the backup would hold itself", hint="Choose a folder outside of it"
            )
        if context.config.backups.media.engine == "archive":
            return plan_media_backup(context, area=options.area, root=root, folder=folder)
        repository = repository_of(context.config)
        if repository.path is not None and _inside(repository.path, root):
            raise ConfigurationError(
                f"the repository {repository.label} lies in {root}: it would hold itself",
                hint="Choose a folder outside of it in backups.media.repository",
            )
        return plan_media_backup(
            context,
            area=options.area,
            root=root,
            folder=folder,
            repository=repository.label,
            disk=repository.path,
        )

    def perform(self, context: Context, options: BackupMediaOptions, plan: MediaBackupPlan) -> Outcome:
        """Write the backup and read it back; raises StorekeeperError, and then there is none."""
        swept = sweep_partial_files(plan.folder, kind=MEDIA)
        remove_clear_twins(plan.folder, config=context.config)
        if plan.repository:
            return self._snapshot(context, plan, swept=swept)
        require_free_bytes(plan.folder, needed_bytes=plan.needed_bytes, purpose="the backup")
        stem, moment = free_stem(plan.folder, prefix=plan.prefix, time_zone=plan.time_zone, now=context.now)
        path = plan.folder / f"{stem}.tar.gz"
        draft = _draft(context, plan, name=path.name, moment=moment)
        manifest = write_media_backup(
            plan.root, context=context, path=path, draft=draft, expected_files=plan.files
        )
        path = encrypt_at_rest(path, config=context.config)
        return _outcome(context, plan, path=path, manifest=manifest, swept=swept)

    def _snapshot(self, context: Context, plan: MediaBackupPlan, *, swept: int) -> Outcome:
        repository = repository_of(context.config)
        disk = repository.path
        if disk is not None:
            require_free_bytes(disk, needed_bytes=plan.needed_bytes, purpose="the backup")
        made = open_or_make(repository)
        if not made:
            adopt(context, repository, time_zone=plan.time_zone)
        stem, moment = free_stem(plan.folder, prefix=plan.prefix, time_zone=plan.time_zone, now=context.now)
        path = plan.folder / f"{stem}.restic"
        manifest, added = write_snapshot(
            plan.root,
            context=context,
            repository=repository,
            path=path,
            draft=_draft(context, plan, name=path.name, moment=moment),
            expected_files=plan.files,
        )
        notes = [f"{format_size(added)} are new in {repository.label}"]
        if made:
            notes.append(
                f"made the repository; keep a copy of its password file {repository.password_file} away from"
                " this machine: without it nobody can restore"
            )
        return _outcome(context, plan, path=path, manifest=manifest, swept=swept, notes=notes)


def _draft(context: Context, plan: MediaBackupPlan, *, name: str, moment: dt.datetime) -> Manifest:
    return Manifest(
        file=name,
        kind=MEDIA,
        created=moment,
        number=next_number(plan.folder),
        shop=context.config.shop,
        config=shared_text(context.config.text),
        area=plan.area,
        format="tar",
        sha256="",
        size_bytes=0,
    )


def _outcome(
    context: Context,
    plan: MediaBackupPlan,
    *,
    path: Path,
    manifest: Manifest,
    swept: int,
    notes: Sequence[str] = (),
) -> Outcome:
    context.report(
        Progress(done=2 * manifest.files, total=2 * manifest.files, unit="files", note=f"wrote {path}")
    )
    return Outcome(
        summary="; ".join([_told(path, manifest), *notes, *plan.notes]),
        freed_bytes=swept,
        changed=1,
        created=(path,),
        details={
            "file": str(path),
            "sha256": manifest.sha256,
            "size_bytes": manifest.held_bytes,
            "repository": manifest.repository,
            "snapshot": manifest.snapshot_id,
            "files": manifest.files,
            "changed": manifest.changed,
            "changed_files": manifest.changed_files,
            "left_out": manifest.left_out,
            "left_out_files": manifest.left_out_files,
            "verified": manifest.verified and manifest.verified.isoformat(),
        },
    )


def _inside(folder: Path, root: Path) -> bool:
    resolved, above = folder.resolve(), root.resolve()
    return resolved == above or above in resolved.parents


def _told(path: Path, manifest: Manifest) -> str:
    text = [f"backed up {path.name}: {manifest.files} files, {format_size(manifest.held_bytes)}"]
    if manifest.changed_files:
        text.append(f"{manifest.changed_files} changed while they were read")
    if manifest.left_out_files:
        text.append(f"{manifest.left_out_files} left out (links, vanished or not readable)")
    if manifest.verification_error:
        text.append(f"not verified: {manifest.verification_error}")
    return "; ".join(text)
