"""What a backup of media would hold, how much room it needs, and whether the database's came first."""

import datetime as dt
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from actions.action import Context
from actions.backups.archive_size import too_large_for_archives
from storekeeper.backups import MEDIA, Backup, find_backups
from storekeeper.errors import BackupRefused
from storekeeper.files import Tree, free_bytes
from storekeeper.shop import ShopDescription
from storekeeper.shop.storages import holds_uploads, short_name, uploads_elsewhere
from storekeeper.units import format_size

# The next backup is packed about as well as the last one.
_GROWTH: Final = 1.1
# For each file: its header, packed, and its line in the list of sums, which hardly packs at all.
_BYTES_PER_FILE: Final = 400
_DATABASE_FIRST: Final = dt.timedelta(days=1)


@dataclass(frozen=True, kw_only=True)
class MediaBackupPlan:
    """The files of one area and the room that their archive needs."""

    area: str
    root: Path
    folder: Path
    files: int
    size_bytes: int
    needed_bytes: int
    free_bytes: int
    time_zone: str
    notes: tuple[str, ...]
    repository: str = ""
    """The restic repository that they go to, without a password; ``""`` for an archive."""

    @property
    def prefix(self) -> str:
        """Give what the names of this area's backups begin with."""
        return prefix_of(self.area)

    @property
    def summary(self) -> str:
        """Say what would be written."""
        text = (
            f"would write {self.files} files ({format_size(self.size_bytes)}) of {self.root} to"
            f" {self.repository or self.folder}: at most about {format_size(self.needed_bytes)},"
            f" {format_size(self.free_bytes)} are free"
        )
        return "; ".join([text, *self.notes])

    @property
    def empty(self) -> bool:
        """A backup is never needless."""
        return False

    def rows(self) -> list[tuple[str, ...]]:
        """Give one row for the archive."""
        return [
            ("area", "file", "files", "size"),
            (
                self.area,
                f"{self.prefix}YYYYMMDD_HHMMSS{'.restic' if self.repository else '.tar.gz'}",
                str(self.files),
                format_size(self.size_bytes),
            ),
        ]

    def as_json(self) -> dict[str, Any]:
        """Give the plan for a script."""
        return {
            "area": self.area,
            "root": str(self.root),
            "folder": str(self.folder),
            "repository": self.repository,
            "files": self.files,
            "size_bytes": self.size_bytes,
            "needed_bytes": self.needed_bytes,
            "free_bytes": self.free_bytes,
            "notes": list(self.notes),
        }


def prefix_of(area: str) -> str:
    """Give what the names of an area's backups begin with: ``media_backup_``."""
    return f"{area}_backup_"


def plan_media_backup(
    context: Context, *, area: str, root: Path, folder: Path, repository: str = "", disk: Path | None = None
) -> MediaBackupPlan:
    """
    Count the area's files; raises BackupRefused when there are none where the last backup had some.

    Raises it, too, when the shop's uploads lie elsewhere: what was left in the folder is no backup of them.
    An empty folder is most often one whose disk is not mounted; its backup would push out the good ones.
    ``repository`` is the label of restic's, ``disk`` its folder where that is on this machine.
    """
    description = context.shop.describe()
    _require_uploads(description, area=area, root=root)
    shop = context.config.shop
    earlier = [one for one in find_backups(folder, kind=MEDIA, shop=shop) if one.manifest.area == area]
    restic = context.config.backups.media.engine == "restic"
    since = earlier[0].manifest.created.timestamp() if earlier and earlier[0].manifest.snapshot_id else 0.0
    files = size_bytes = new_bytes = 0
    with Tree(root) as tree:
        for found in tree.walk():
            files += 1
            size_bytes += found.size_bytes
            new_bytes += found.size_bytes if found.youngest >= since else 0
    if not files and earlier and earlier[0].manifest.files:
        raise BackupRefused(
            f"{root} is empty, and its last backup has {earlier[0].manifest.files} files",
            hint="Is its disk mounted? If it is meant to be empty, move the backups of it elsewhere first",
        )
    return MediaBackupPlan(
        area=area,
        root=root,
        folder=folder,
        files=files,
        size_bytes=size_bytes,
        needed_bytes=new_bytes if restic else _needed_bytes(files, size_bytes, earlier=earlier),
        free_bytes=free_bytes(disk or folder),
        repository=repository,
        time_zone=description.time_zone,
        notes=(
            *_notes(context, folder=folder),
            *_elsewhere(description, root=root),
            *filter(None, [too_large_for_archives(size_bytes, config=context.config)]),
        ),
    )


def _require_uploads(description: ShopDescription, *, area: str, root: Path) -> None:
    """Raise BackupRefused for a folder of uploads that the shop does not put its uploads in."""
    is_of_uploads = area == MEDIA or (
        description.media_root is not None and description.media_root.resolve() == root.resolve()
    )
    if not is_of_uploads or holds_uploads(root, description=description):
        return
    names = ", ".join(short_name(storage) for storage in uploads_elsewhere(root, description=description))
    raise BackupRefused(
        f"the shop's uploads are in {names}, not in {root}: a backup of this folder would hold none of them",
        hint="Keep versions and copies of them where they are. To back up what lies in the folder, name it as"
        " another area in areas: and run backup_media --area=NAME",
    )


def _needed_bytes(files: int, size_bytes: int, *, earlier: list[Backup]) -> int:
    share = 1.0
    if earlier and earlier[0].manifest.content_bytes:
        manifest = earlier[0].manifest
        share = min(1.0, manifest.size_bytes / manifest.content_bytes * _GROWTH)
    return int(size_bytes * share) + files * _BYTES_PER_FILE


def _elsewhere(description: ShopDescription, *, root: Path) -> tuple[str, ...]:
    """Say which uploads of the shop are not in this backup."""
    found = uploads_elsewhere(root, description=description)
    if not found:
        return ()
    names = ", ".join(
        f"{', '.join(storage.fields) or 'what code uploads'} in {short_name(storage)}" for storage in found
    )
    return (f"not in it: the uploads of {names}",)


def _notes(context: Context, *, folder: Path) -> tuple[str, ...]:
    """Say when the database should have come first: then each file that a restored row names is in here."""
    shop = context.config.shop
    found = [*find_backups(context.config.backups.path, shop=shop), *find_backups(folder, shop=shop)]
    backups = [one for one in found if one.manifest.created <= context.now() and not one.problem]
    if not backups:
        return ("there is no backup of the database; run backup_database first",)
    newest = max(backup.manifest.created for backup in backups)
    if context.now() - newest <= _DATABASE_FIRST:
        return ()
    return (
        f"the newest backup of the database is of {newest:%Y-%m-%d %H:%M}; run backup_database before this",
    )
