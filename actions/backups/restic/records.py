"""
The record of a snapshot: a small file among the backups, with a manifest as every backup has one.

It says where the snapshot is and how restic alone restores it. By it a snapshot counts, ages, is verified and
pruned as an archive is. It can be lost: the next run writes one for each snapshot that has none.
"""

import datetime as dt
import json
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Final

from actions.action import Context
from actions.backups.files import free_stem, next_number
from actions.backups.manifest import write_manifest
from actions.backups.media_plan import prefix_of
from actions.backups.packing import file_sums
from actions.backups.restic.repository import Repository
from actions.backups.restic.snapshots import ids_on_disk, list_snapshots
from storekeeper.backups import MEDIA, Backup, Manifest, find_backups
from storekeeper.config.media import local_path
from storekeeper.files import PartialFile

FORMAT: Final = "restic"
ENDING: Final = ".restic"


def record_text(repository: Repository, snapshot: str) -> bytes:
    """Return what a record says, for an operator without storekeeper."""
    said = {
        "what": "the record of a snapshot of restic; the files are in its repository",
        "repository": repository.label,
        "snapshot": snapshot,
        "restore": f"restic -r {repository.label} --password-file FILE restore {snapshot} --target FOLDER",
    }
    return (json.dumps(said, indent=2, ensure_ascii=False) + "\n").encode("utf-8", "backslashreplace")


def stored_location(repository: Repository, *, folder: Path) -> str:
    """Return the location as a manifest keeps it: relative where it lies below the folder of the records."""
    path = repository.path
    if path is None:
        return repository.label
    try:
        return str(path.resolve().relative_to(folder.resolve()))
    except ValueError:
        return str(path)


def repository_for(manifest: Manifest, *, folder: Path, repository: Repository) -> Repository:
    """
    Return the repository of a record that lies in ``folder``; ``repository`` is the config's.

    Where the config names the same one, its location is used: only it holds a password of the URL.
    """
    if stored_location(repository, folder=folder) == manifest.repository:
        return repository
    path = local_path(manifest.repository)
    return repository.at(manifest.repository if path is None else str(folder / path))


def records_of(context: Context, *, folder: Path | None = None) -> list[Backup]:
    """Return the shop's records of snapshots, the newest first."""
    found = find_backups(folder or context.config.backups.path, kind=MEDIA, shop=context.config.shop)
    return [one for one in found if one.manifest.snapshot_id]


def adopt(context: Context, repository: Repository, *, time_zone: str) -> list[Path]:
    """
    Write a record for each snapshot that this machine has made for the shop and that has none.

    A run that was killed between the two has left it. It counts as not verified.
    """
    config = context.config
    folder = config.backups.path
    recorded = {one.manifest.snapshot_id for one in records_of(context)}
    there = ids_on_disk(repository)
    if there is not None and there <= recorded:
        return []
    found = list_snapshots(repository, shop=config.shop)
    written = []
    for one in sorted(found, key=lambda snapshot: snapshot.created):
        if one.id in recorded or one.host != config.host or one.area not in config.areas:
            continue
        stem, moment = free_stem(
            folder, prefix=prefix_of(one.area), time_zone=time_zone, now=partial(next, _moments(one.created))
        )
        path = folder / f"{stem}{ENDING}"
        manifest = Manifest(
            file=path.name,
            kind=MEDIA,
            created=moment,
            number=next_number(folder),
            shop=config.shop,
            area=one.area,
            format=FORMAT,
            sha256="",
            size_bytes=0,
            repository=stored_location(repository, folder=folder),
            snapshot_id=one.id,
        )
        with PartialFile(path) as file:
            finish_record(file, manifest, repository=repository)
        written.append(path)
    return written


def _moments(moment: dt.datetime) -> Iterator[dt.datetime]:
    """Yield the moment, then later ones: another record may have its name already."""
    while True:
        yield moment
        moment += dt.timedelta(seconds=1)


def finish_record(file: PartialFile, draft: Manifest, *, repository: Repository) -> Manifest:
    """Write the record and its manifest, and give the record its name; returns the manifest."""
    file.stream.write(record_text(repository, draft.snapshot_id))
    file.stream.flush()
    sha256, size_bytes = file_sums(file.path)
    manifest = draft.model_copy(update={"sha256": sha256, "size_bytes": size_bytes})
    file.finish(lambda _: write_manifest(file.final, manifest))
    return manifest
