"""Bring the backups of a set here: what was fetched is resumed, and nothing counts without its sum."""

import hashlib
import os
from collections.abc import Callable
from pathlib import Path
from typing import Final

from actions.action import Context, Progress
from actions.backups.damage import NotProved
from actions.backups.json_backup import disk_errors
from actions.backups.manifest import write_manifest
from actions.backups.packing import file_sums
from actions.recovery.backup_set import BackupSet
from actions.recovery.source import LocalFolder, Source
from storekeeper.backups import Backup, Manifest
from storekeeper.errors import BackupRefused
from storekeeper.files import require_free_bytes
from storekeeper.files.private import make_private_folder

_PARTIAL: Final = ".part"
_SUM_BYTES: Final = 1 << 20
_NEW_FLAGS: Final = os.O_WRONLY | os.O_CREAT | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_BINARY", 0)


def fetch_set(context: Context, source: Source, chosen: BackupSet, *, into: Path) -> dict[str, Backup]:
    """
    Return file name → backup on this machine. A folder of this machine is used as it is, and only read.

    A file that a killed run has begun is fetched from where that ended. Raises NotProved for one that
    has another sum than its manifest says, NotEnoughSpace, OffsiteFailed.
    """
    if isinstance(source, LocalFolder):
        for one in chosen.all:
            _require_sum(source.folder / one.file, one, name=source.name)
        return {one.file: Backup(path=source.folder / one.file, manifest=one) for one in chosen.all}
    make_private_folder(into)
    missing = [one for one in chosen.all if not _is_whole(into / one.file, one)]
    there = sum(_size(into / f"{one.file}{_PARTIAL}") for one in missing)
    needed = sum(one.size_bytes for one in missing) - there
    require_free_bytes(into, needed_bytes=max(0, needed), purpose="fetching the backups")
    moved = there

    def count(size: int) -> None:
        nonlocal moved
        moved += size
        if context.cancelled():
            raise BackupRefused("cancelled; what was fetched stays for the next time")
        context.report(Progress(done=moved, total=needed + there, unit="bytes"))

    for one in missing:
        if one.sums_file:
            _fetch(source, one.sums_file, into=into, moved=lambda size: None, again=True)
        _fetch(source, one.file, into=into, moved=count)
        _check(into / f"{one.file}{_PARTIAL}", one, source=source)
        (into / f"{one.file}{_PARTIAL}").replace(into / one.file)
        context.report(Progress(done=moved, total=needed + there, unit="bytes", note=f"fetched {one.file}"))
    for one in chosen.all:
        write_manifest(into / one.file, one)
    return {one.file: Backup(path=into / one.file, manifest=one) for one in chosen.all}


def _fetch(
    source: Source, name: str, *, into: Path, moved: Callable[[int], None], again: bool = False
) -> None:
    """Fetch a file to its partial name, or small ones at once to their own."""
    path = into / (name if again else f"{name}{_PARTIAL}")
    if again:
        path.unlink(missing_ok=True)
    with disk_errors(path):
        descriptor = os.open(path, _NEW_FLAGS, 0o600)
        with os.fdopen(descriptor, "wb") as stream:
            offset = stream.seek(0, os.SEEK_END)
            for data in source.read(name, offset=offset):
                stream.write(data)
                moved(len(data))
            stream.flush()
            os.fsync(stream.fileno())


def _check(path: Path, manifest: Manifest, *, source: Source) -> None:
    """Raise NotProved for a file with another sum; it is removed, so that the next run fetches it again."""
    try:
        _require_sum(path, manifest, name=source.name)
    except NotProved:
        path.unlink(missing_ok=True)
        raise


def _require_sum(path: Path, manifest: Manifest, *, name: str) -> None:
    try:
        found = file_sums(path)
    except OSError as error:
        raise BackupRefused(f"{name}: {manifest.file} cannot be read: {error.strerror or error}") from None
    if found != (manifest.sha256, manifest.size_bytes):
        before = f"{manifest.created.astimezone():%Y-%m-%dT%H:%M:%S}"
        raise NotProved(
            f"{name}: {manifest.file} is damaged: its bytes have another checksum than its manifest's",
            hint=f"--at with a moment before {before} takes the set before this one",
        )


def _is_whole(path: Path, manifest: Manifest) -> bool:
    if _size(path) != manifest.size_bytes:
        return False
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest() == manifest.sha256


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except FileNotFoundError:
        return 0
