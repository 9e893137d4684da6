"""Copy snapshots to more repositories, by restic's own command; the same password opens them."""

from collections.abc import Sequence
from dataclasses import dataclass

from actions.action import Context
from actions.backups.manifest import write_manifest
from actions.backups.restic.program import run
from actions.backups.restic.records import repository_for
from actions.backups.restic.repository import Repository, copies_of, repository_of
from actions.backups.restic.snapshots import list_snapshots, open_or_make
from storekeeper.backups import Backup, read_manifest
from storekeeper.errors import StorekeeperError


@dataclass(frozen=True, kw_only=True)
class CopiedSnapshots:
    """What became of the copies in one repository; ``error`` is empty when all of them are there."""

    place: str
    copied: tuple[str, ...] = ()
    present: tuple[str, ...] = ()
    error: str = ""


def copy_snapshots(context: Context, records: Sequence[Backup]) -> list[CopiedSnapshots]:
    """
    Copy the snapshots of these records to each repository of ``backups.media.copies`` that lacks them.

    A repository that fails keeps no other from its copies. A copy has another id and names its original's.
    """
    records = [one for one in records if one.manifest.snapshot_id and not one.problem]
    if not records:
        return []
    main = repository_of(context.config)
    return [_copy_to(context, place, records=records, main=main) for place in copies_of(context.config)]


def _copy_to(
    context: Context, place: Repository, *, records: Sequence[Backup], main: Repository
) -> CopiedSnapshots:
    copied: list[str] = []
    present: list[str] = []
    try:
        open_or_make(place, source=main)
        there = {one.original for one in list_snapshots(place, cancelled=context.cancelled)}
        for record in records:
            if record.manifest.snapshot_id in there:
                present.append(record.path.name)
                continue
            source = repository_for(record.manifest, folder=record.path.parent, repository=main)
            run(
                place,
                ["copy", record.manifest.snapshot_id],
                source=source,
                cancelled=context.cancelled,
            )
            copied.append(record.path.name)
        there = {one.original for one in list_snapshots(place, cancelled=context.cancelled)}
        missing = [one.path.name for one in records if one.manifest.snapshot_id not in there]
        error = f"restic has not copied {', '.join(missing)}" if missing else ""
    except StorekeeperError as failed:
        error = f"{failed.message} ({failed.hint})" if failed.hint else failed.message
    for record in records:
        if record.path.name in (*copied, *present) and not error:
            _note(record, place=place.label)
    return CopiedSnapshots(place=place.label, copied=tuple(copied), present=tuple(present), error=error)


def _note(record: Backup, *, place: str) -> None:
    """Note in the manifest where a copy is, for whoever has lost the machine."""
    manifest = read_manifest(record.path)
    if manifest is not None and place not in manifest.copies:
        write_manifest(record.path, manifest.model_copy(update={"copies": (*manifest.copies, place)}))
