"""Bring the files of an area back from a backup: into an empty folder, or in the place of what is there."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from actions.action import Context, Outcome, Progress
from actions.backups.media_contents import write_contents
from storekeeper.backups import Backup
from storekeeper.encryption import Identities
from storekeeper.errors import BackupRefused
from storekeeper.files import Tree, require_free_bytes
from storekeeper.files.space import require_free_files
from storekeeper.files.staged_folder import (
    StagedFolder,
    entries_of,
    finish_publishing,
    is_being_published,
)
from storekeeper.units import format_size

_REPORT_FILES = 100
# What a filesystem takes for each file beside its bytes.
_BYTES_PER_FILE = 4096


@dataclass(frozen=True, kw_only=True)
class MediaRestorePlan:
    """The backup, the folder that it goes to, and how many files are there now."""

    backup: Backup
    area: str
    folder: Path
    present_files: int
    present_bytes: int
    replace: bool
    begun: bool
    """A killed run has begun to give the files of this backup their places."""
    identities: Identities | None = field(default=None, repr=False)
    """What decrypts the backup; the manifest in the plan is decrypted already."""

    @property
    def summary(self) -> str:
        """Say what would come and what would be set aside."""
        manifest = self.backup.manifest
        over = (
            f"; the {self.present_files} files ({format_size(self.present_bytes)}) there would be set aside"
            if self.present_files and not self.begun
            else ""
        )
        return f"would restore {manifest.files} files of {self.backup.path.name} into {self.folder}{over}"

    @property
    def empty(self) -> bool:
        """A restore is never needless."""
        return False

    def rows(self) -> list[tuple[str, ...]]:
        """Return one row for the area."""
        return [
            ("area", "folder", "files in the backup", "files now"),
            (self.area, str(self.folder), str(self.backup.manifest.files), str(self.present_files)),
        ]

    def as_json(self) -> dict[str, Any]:
        """Return the plan for a script."""
        return {
            "file": str(self.backup.path),
            "created": self.backup.manifest.created.isoformat(),
            "verified": self.backup.verified,
            "area": self.area,
            "folder": str(self.folder),
            "files": self.backup.manifest.files,
            "present_files": self.present_files,
            "present_bytes": self.present_bytes,
            "replace": self.replace,
        }


def plan_media_restore(
    context: Context, backup: Backup, *, area: str | None, replace: bool
) -> MediaRestorePlan:
    """Look at the backup and the folder; raises BackupRefused where files are there and may not go."""
    name = area or backup.manifest.area
    if name not in context.config.areas:
        raise BackupRefused(
            f"{backup.path.name} is of the area {name!r}, which the config does not have",
            hint=f"Its areas are {', '.join(context.config.areas) or 'none'}; --area names another one",
        )
    folder = context.config.areas[name].path
    begun = is_being_published(folder, token=_token(backup))
    there = entries_of(folder)
    files = size_bytes = 0
    if there:
        with Tree(folder) as tree:
            for found in tree.walk():
                files += 1
                size_bytes += found.size_bytes
    if there and not (replace or begun):
        raise BackupRefused(
            f"the area {name} ({folder}) holds {files} files in {', '.join(there[:3])}"
            + (" and others" if len(there) > 3 else ""),
            hint="--replace puts the backup in its place; what is there is set aside, and nothing is removed",
        )
    return MediaRestorePlan(
        backup=backup,
        area=name,
        folder=folder,
        present_files=files,
        present_bytes=size_bytes,
        replace=replace,
        begun=begun,
    )


def restore_media(context: Context, plan: MediaRestorePlan, *, passwords: Sequence[bytes] = ()) -> Outcome:
    """
    Unpack beside the folder, compare each file with its sum, and only then let all take their place.

    Raises StorekeeperError; what was there is then as it was.
    """
    manifest, path = plan.backup.manifest, plan.backup.path
    aside = None
    if is_being_published(plan.folder, token=_token(plan.backup)):
        finish_publishing(plan.folder, token=_token(plan.backup))
    else:
        _require_room(plan)
        with StagedFolder(plan.folder, token=_token(plan.backup)) as staged:
            write_contents(
                context,
                plan.backup,
                into=staged.path,
                like=plan.folder,
                report=lambda done: _report(context, done, total=manifest.files),
                passwords=passwords,
            )
            aside = staged.publish(replace=plan.replace, now=context.now())
    told = [f"restored {manifest.files} files of {path.name} into {plan.folder}"]
    if aside is not None:
        told.append(f"what was there is in {aside}")
    if manifest.lacks:
        told.append(f"the backup is not whole: {manifest.lacks}")
    return Outcome(
        summary="; ".join(told),
        changed=manifest.files,
        details={"files": manifest.files, "area": plan.area, "before": [str(aside)] if aside else []},
    )


def _require_room(plan: MediaRestorePlan) -> None:
    manifest = plan.backup.manifest
    entries = manifest.files + manifest.folders
    needed = manifest.content_bytes + entries * _BYTES_PER_FILE
    require_free_bytes(plan.folder, needed_bytes=needed, purpose="the restore")
    require_free_files(plan.folder, needed=entries, purpose="the restore")


def _report(context: Context, done: int, *, total: int) -> None:
    if done % _REPORT_FILES == 0 or done == total:
        context.report(Progress(done=done, total=total, unit="files"))


def _token(backup: Backup) -> str:
    return backup.manifest.sha256[:12]
