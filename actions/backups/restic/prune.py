"""
Forget the snapshots that the retention does not keep, and give their room back.

Which ones go is decided as for every backup, by restic's own rules and with only verified ones counted;
restic is told their ids. Its prune writes before it removes, so it needs free space: nothing begins without.
"""

from collections.abc import Sequence
from typing import Final

from actions.action import Context
from actions.backups.restic.program import Damaged, run
from actions.backups.restic.records import repository_for
from actions.backups.restic.repository import Repository, repository_of
from actions.backups.restic.snapshots import forget, list_snapshots, size_bytes
from actions.room import FULL
from storekeeper.backups import Backup
from storekeeper.errors import StorekeeperError
from storekeeper.files import free_bytes
from storekeeper.measure.disks import disk_of
from storekeeper.units import format_size

# A new index is written beside the old one, and at least a pack of what is still used is written again.
_INDEX_SHARE: Final = 0.02
_AT_LEAST_BYTES: Final = 128 << 20


class Snapshots:
    """The snapshots that one run removes, by their repositories; each is asked once whether it may."""

    def __init__(self, context: Context, gone: Sequence[Backup]) -> None:
        self._context = context
        self._reasons: dict[str, str] = {}
        self._repositories: dict[str, Repository] = {}
        self._ids: dict[str, list[str]] = {}
        records = [one for one in gone if one.manifest.snapshot_id]
        for one in records:
            place = one.manifest.repository
            if place not in self._repositories:
                self._repositories[place] = repository_for(
                    one.manifest, folder=one.path.parent, repository=repository_of(context.config)
                )

    def why_not_now(self, backup: Backup) -> str:
        """Return why a backup must stay now, ``""`` for one that is no snapshot."""
        place = backup.manifest.repository
        if not backup.manifest.snapshot_id:
            return ""
        if place not in self._reasons:
            self._reasons[place] = why_not_now(self._context, self._repositories[place])
        return self._reasons[place]

    def add(self, backup: Backup) -> None:
        """Take the snapshot of a record that has been removed."""
        if backup.manifest.snapshot_id:
            self._ids.setdefault(backup.manifest.repository, []).append(backup.manifest.snapshot_id)

    def remove(self) -> int:
        """Let restic remove what was taken; return the bytes that came free on this machine."""
        return sum(
            forget_and_prune(self._context, self._repositories[place], ids)
            for place, ids in self._ids.items()
        )


def why_not_now(context: Context, repository: Repository) -> str:
    """
    Return why nothing may be removed from a repository now, ``""`` where it may.

    It has no room for what restic writes first, or restic's check finds damage: then an old snapshot may be
    the only one that still gives a file back.
    """
    if reason := _no_room(context, repository):
        return reason
    try:
        run(repository, ["check"], cancelled=context.cancelled)
    except Damaged as error:
        return f"nothing was removed from it: {error.message}"
    except StorekeeperError as error:
        return f"nothing was removed from it, since it could not be checked: {error.message}"
    return ""


def forget_and_prune(context: Context, repository: Repository, ids: Sequence[str]) -> int:
    """
    Remove these snapshots and the data that no other has; return the bytes that came free on this machine.

    Raises StorekeeperError; the repository is then whole, and the next prune goes on.
    """
    before = size_bytes(repository)
    there = {one.id for one in list_snapshots(repository, cancelled=context.cancelled)}
    forget(repository, [one for one in ids if one in there], cancelled=context.cancelled)
    path = repository.path
    limit = [] if path is None else ["--max-repack-size", str(free_bytes(path) // 2)]
    run(repository, ["prune", *limit], cancelled=context.cancelled)
    after = size_bytes(repository)
    return max(0, before - after) if before is not None and after is not None else 0


def _no_room(context: Context, repository: Repository) -> str:
    path = repository.path
    if path is None:
        return ""
    needed = max(_AT_LEAST_BYTES, int((size_bytes(repository) or 0) * _INDEX_SHARE))
    free = free_bytes(path)
    if free < needed:
        return (
            f"nothing was removed from it: restic needs {format_size(needed)} to remove anything, and"
            f" {format_size(free)} are free"
        )
    _, disk = disk_of(path)
    unattended = context.attributes.get("trigger") in ("alert", "schedule")
    if unattended and disk.used_bytes >= FULL * (disk.used_bytes + disk.available_bytes):
        return "nothing was removed from it: its disk is too full for what restic writes first"
    return ""
