"""
Let restic check its repository, and compare what its snapshots give back.

Each day another part of the data is read. What is wrong with the repository is wrong with each snapshot in
it: none of them counts until a check passes again.
"""

from collections.abc import Sequence
from typing import Final

from actions.action import Context, Progress
from actions.backups.damage import NotProved
from actions.backups.manifest import mark_failed, write_manifest
from actions.backups.restic.backup import known_sums
from actions.backups.restic.comparison import compare_sample, compare_whole
from actions.backups.restic.known_sums import KnownSums
from actions.backups.restic.program import Damaged, run
from actions.backups.restic.records import adopt, repository_for
from actions.backups.restic.repository import Repository, repository_of
from actions.backups.restic.snapshots import list_snapshots
from storekeeper.backups import Backup, Manifest, read_manifest
from storekeeper.errors import BackupRefused
from storekeeper.files import Tree

CHECK_FAILED: Final = "restic check"
"""How the error begins that a later check takes back."""

VERIFIED_BY: Final = "verify_backup, which restored every file of it and compared it"
_UNLISTED: Final = "its snapshot is not in the repository"


def check_repositories(context: Context, records: Sequence[Backup]) -> list[str]:
    """
    Check the repositories of these records, and note in their manifests what came of it.

    Returns what is wrong. Raises StorekeeperError where a check could not be made; nothing is noted then.
    """
    wrong = []
    config = repository_of(context.config)
    folders: dict[str, list[Backup]] = {}
    for record in records:
        folders.setdefault(record.manifest.repository, []).append(record)
    for found in folders.values():
        repository = repository_for(found[0].manifest, folder=found[0].path.parent, repository=config)
        wrong += _check_one(context, repository, found)
    return wrong


def adopt_snapshots(context: Context) -> int:
    """Write the records that are missing in the config's repository; return their number."""
    repository = repository_of(context.config)
    if context.config.backups.media.engine != "restic" or not repository.password_file.exists():
        return 0
    return len(adopt(context, repository, time_zone=context.shop.describe().time_zone))


def try_snapshot(context: Context, record: Backup) -> str:
    """
    Restore every file of a snapshot, as restic gives it, and compare it; returns how it was verified.

    With the sums beside the record; without any, with those of the shop's files that have not changed since.
    Raises NotProved, also for one that lacks files.
    """
    manifest = record.manifest
    repository = repository_for(manifest, folder=record.path.parent, repository=repository_of(context.config))
    if manifest.snapshot_id not in {one.id for one in list_snapshots(repository)}:
        raise NotProved(f"{record.path.name}: {_UNLISTED} {repository.label}")
    with _expected(context, record, repository=repository) as known:
        files = compare_whole(
            repository,
            manifest.snapshot_id,
            known=known,
            compared=lambda done: context.report(Progress(done=done, unit="files")),
            cancelled=context.cancelled,
        )
        summed, _ = known.totals()
    if manifest.lacks:
        raise NotProved(f"{record.path.name} is as it was made, but {manifest.lacks}")
    return f"{VERIFIED_BY}: {files} files, {summed} with the sums of the shop's own"


def part_of_day(day: int, *, parts: int) -> str:
    """Return which part of the data is read on a day, as restic takes it: ``n/m``."""
    return f"{day % parts + 1}/{parts}"


def _check_one(context: Context, repository: Repository, records: Sequence[Backup]) -> list[str]:
    part = part_of_day(_day(context), parts=context.config.backups.media.check_parts)
    context.report(Progress(done=0, note=f"restic checks {repository.label} and reads part {part} of it"))
    try:
        run(
            repository,
            ["check", "--read-data-subset", part],
            heard=lambda line: context.report(Progress(done=0, unit="lines")),
            cancelled=context.cancelled,
        )
    except Damaged as error:
        for record in records:
            _note(record, error=f"{CHECK_FAILED} found damage: {error.message}")
        return [error.message]
    wrong = []
    listed = {one.id for one in list_snapshots(repository, cancelled=context.cancelled)}
    sampled = False
    for record in records:
        manifest = record.manifest
        if manifest.snapshot_id not in listed:
            error_text = f"{_UNLISTED} {repository.label}"
            mark_failed(record.path, manifest, error=error_text)
            wrong.append(f"{record.path.name}: {error_text}")
        elif manifest.verification_error.startswith(CHECK_FAILED):
            _note(record, error="")
        elif record.verified and manifest.sums_file and not sampled:
            # The newest that counts.
            sampled = True
            if problem := _sample(context, record, repository=repository):
                mark_failed(record.path, manifest, error=problem)
                wrong.append(f"{record.path.name}: {problem}")
    return wrong


def _sample(context: Context, record: Backup, *, repository: Repository) -> str:
    try:
        with _listed_sums(record) as known:
            compare_sample(
                repository,
                record.manifest.snapshot_id,
                known=known,
                day=_day(context),
                cancelled=context.cancelled,
            )
    except NotProved as error:
        return error.message
    return ""


def _expected(context: Context, record: Backup, *, repository: Repository) -> KnownSums:
    """Return the sums that the files of a snapshot must have."""
    manifest = record.manifest
    if manifest.sums_file:
        return _listed_sums(record)
    # A record that a killed run has left without its sums: those of the files that are as they were then.
    root = context.config.areas[manifest.area].path
    with known_sums(context.config, repository, area=manifest.area) as known, Tree(root) as tree:
        known.look(tree, passed_over=lambda name, why: None)
        return known.copied(older_than_ns=int(manifest.created.timestamp() * 1e9))


def _listed_sums(record: Backup) -> KnownSums:
    known = KnownSums(None, series=record.path.name)
    try:
        known.take_list(record.path.with_name(record.manifest.sums_file))
    except (OSError, ValueError, BackupRefused) as error:
        raise NotProved(f"{record.path.name}: its sums cannot be read: {error}") from None
    return known


def _note(record: Backup, *, error: str) -> None:
    """Note what a check of the whole repository says; when the record was verified stays."""
    manifest: Manifest | None = read_manifest(record.path)
    if manifest is not None and manifest == record.manifest:
        write_manifest(record.path, manifest.model_copy(update={"verification_error": error}))


def _day(context: Context) -> int:
    return context.now().toordinal()
