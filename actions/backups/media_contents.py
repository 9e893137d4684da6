"""Write the files of a backup of media, an archive or a snapshot, into an empty folder of ours."""

from collections.abc import Callable, Sequence
from pathlib import Path

from actions.action import Context
from actions.backups.damage import NotProved
from actions.backups.media_unpack import unpack_media
from actions.recovery.area_compare import compare_area
from storekeeper.backups import Backup


def write_contents(
    context: Context,
    backup: Backup,
    *,
    into: Path,
    like: Path,
    report: Callable[[int], None],
    passwords: Sequence[bytes] = (),
) -> None:
    """
    Write every file and compare it with its sum; raises NotProved where one differs, StorekeeperError.

    ``like`` is the folder that they belong to. ``passwords`` may open a repository whose own is lost.
    """
    manifest = backup.manifest
    if not manifest.snapshot_id:
        unpack_media(backup.path, manifest, into=into, report=report, cancelled=context.cancelled)
        return
    # Loaded where it is used: an archive needs none of it.
    from actions.backups.restic.recovering import restore_record

    restore_record(context, backup, into=into, like=like, passwords=passwords)
    compared = compare_area(into, backup, report=report)
    if not compared.equal:
        raise NotProved(f"{backup.path.name}: {compared.told}")
