"""Write the manifests of backups, and note in them what their trials have shown."""

import datetime as dt
import os
from contextlib import suppress
from pathlib import Path
from typing import Final

from storekeeper.backups import MANIFEST_SUFFIX, Manifest, read_manifest
from storekeeper.errors import BackupRefused
from storekeeper.files.atomic import sync_folder

_NEW_FLAGS: Final = (
    os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_BINARY", 0)
)
FAILED_IN_CLEAR: Final = "it did not pass its test; what was found was told where it was tried"
"""What the manifest of an encrypted backup says of a failed trial."""


def manifest_path(backup: Path) -> Path:
    """Give the path of the manifest that belongs to a backup."""
    return backup.with_name(backup.name + MANIFEST_SUFFIX)


def write_manifest(backup: Path, manifest: Manifest) -> None:
    """Write or replace the manifest of ``backup``, whole or not at all; readable by its owner alone."""
    path = manifest_path(backup)
    text = manifest.text().encode("utf-8", "backslashreplace")
    try:
        _write(path, text=text)
    except FileNotFoundError:
        # A backup that begins while another is verified sweeps partial files: once more, then.
        _write(path, text=text)
    sync_folder(path.parent)


def _write(path: Path, *, text: bytes) -> None:
    partial = path.with_name(f".{path.name}.partial")
    try:
        # What a crashed run, or somebody else, has left there is replaced, never written into: a link would
        # lead us elsewhere.
        partial.unlink(missing_ok=True)
        descriptor = os.open(partial, _NEW_FLAGS, 0o600)
        with os.fdopen(descriptor, "wb") as stream:
            stream.write(text)
            stream.flush()
            os.fsync(stream.fileno())
        partial.replace(path)
    except OSError:
        # Also where it could not be opened: what a crashed run left there is of no use.
        with suppress(OSError):
            partial.unlink()
        raise


def require_manifest(backup: Path) -> Manifest:
    """Give the manifest of ``backup``; raises BackupRefused where it has none."""
    if not backup.is_file():
        raise BackupRefused(
            f"there is no backup {backup}", hint="storekeeper prune_backups --dry-run lists them"
        )
    manifest = read_manifest(backup)
    if manifest is None and manifest_path(backup).exists():
        raise BackupRefused(
            f"the manifest of {backup.name} is damaged, so nothing can prove the backup",
            hint="Make a new one with storekeeper backup_database --verify or backup_media",
        )
    if manifest is None:
        raise BackupRefused(
            f"{backup.name} has no manifest: storekeeper did not write it, or not to its end",
            hint=f"A manifest is the file {manifest_path(backup).name} beside it",
        )
    return manifest


def mark_verified(backup: Path, manifest: Manifest, *, at: dt.datetime, by: str) -> Manifest:
    """Note in the manifest that a restore has proved the backup."""
    by = "" if manifest.encrypted else by
    proved = manifest.model_copy(
        update={"verified": at, "verified_by": by, "verification_error": "", "differs": False}
    )
    write_manifest(backup, proved)
    return proved


def mark_failed(backup: Path, manifest: Manifest, *, error: str, differs: bool = False) -> Manifest:
    """Note in the manifest that a backup did not stand its test; it no longer counts."""
    if manifest.encrypted:
        # It may name tables, rows and files, which whoever has the place is not to read.
        error = FAILED_IN_CLEAR
    failed = manifest.model_copy(
        update={"verified": None, "verified_by": "", "verification_error": error, "differs": differs}
    )
    write_manifest(backup, failed)
    return failed
