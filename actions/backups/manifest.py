"""
The manifest beside each backup: what the backup is, what it holds, and whether a restore has proved it.

``NAME.manifest.json`` belongs to the backup ``NAME``. A backup without a readable manifest is not
storekeeper's: it counts for nothing and is never removed. The exporter reads the same file.
"""

import datetime as dt
import json
import os
from pathlib import Path
from typing import Literal

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, ValidationError

from storekeeper import __version__
from storekeeper.errors import BackupRefused
from storekeeper.files.atomic import sync_folder

SUFFIX = ".manifest.json"


class TableSum(BaseModel):
    """
    What a table held: rows, links of each many-to-many field, and a checksum over the rows.

    The checksum is the SHA-256 of the table's lines in the fixture, in the order of their keys, each
    followed by a comma and a newline.
    """

    model_config = ConfigDict(frozen=True)

    rows: int
    checksum: str
    links: dict[str, int] = Field(default_factory=dict)


class Manifest(BaseModel):
    """
    One backup. It holds no password and no row of the shop.

    ``created`` is when the backup was begun, ``snapshot`` the moment whose rows it holds. ``sha256`` and
    ``size_bytes`` are of the file as it lies there; ``content_sha256`` of what a ``.gz`` unpacks to.
    ``verified`` is when a restore last proved it; ``verification_error`` says why one did not.
    A backup of media is proved when it was read back and each file in it has the sum it was written with.
    """

    # Keys of a newer version must not make its backups strangers to this one.
    model_config = ConfigDict(frozen=True, extra="ignore")

    tool: Literal["storekeeper"] = "storekeeper"
    version: str = __version__
    kind: str = "database"
    file: str
    created: AwareDatetime
    snapshot: AwareDatetime | None = None
    shop: str = ""
    database: str = ""
    engine: str = ""
    server: str = ""
    format: str
    sha256: str
    size_bytes: int
    content_sha256: str = ""
    content_bytes: int = 0
    tables: dict[str, TableSum] = Field(default_factory=dict)
    left_out: dict[str, str] = Field(default_factory=dict)
    """Each model, table or file that the backup does not hold → why; of files the first ones."""
    area: str = ""
    files: int = 0
    left_out_files: int = 0
    changed: dict[str, str] = Field(default_factory=dict)
    """The first files that changed while they were read → how; bytes that are no UTF-8 as ``\\xNN``."""
    changed_files: int = 0
    sums_file: str = ""
    """The file beside the backup with the SHA-256 of each file in it, as sha256sum reads it, packed."""
    django_version: str = ""
    migrations: tuple[str, ...] = ()
    verified: AwareDatetime | None = None
    verified_by: str = ""
    verification_error: str = ""

    @property
    def rows(self) -> int:
        """Give the number of rows in all tables."""
        return sum(table.rows for table in self.tables.values())


def manifest_path(backup: Path) -> Path:
    """Give the path of the manifest that belongs to a backup."""
    return backup.with_name(backup.name + SUFFIX)


def write_manifest(backup: Path, manifest: Manifest) -> None:
    """Write or replace the manifest of ``backup``, whole or not at all; readable by its owner alone."""
    path = manifest_path(backup)
    partial = path.with_name(f".{path.name}.partial")
    text = json.dumps(manifest.model_dump(mode="json"), indent=2, ensure_ascii=False) + "\n"
    descriptor = os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    try:
        with os.fdopen(descriptor, "wb") as stream:
            stream.write(text.encode("utf-8", "backslashreplace"))
            stream.flush()
            os.fsync(stream.fileno())
        partial.replace(path)
    except OSError:
        partial.unlink(missing_ok=True)
        raise
    sync_folder(path.parent)


def read_manifest(backup: Path) -> Manifest | None:
    """Give the manifest of ``backup``; None where there is none, or none that was written for this file."""
    try:
        return read_manifest_text(manifest_path(backup).read_bytes(), file=backup.name)
    except OSError:
        return None


def read_manifest_text(text: bytes | None, *, file: str) -> Manifest | None:
    """Give the manifest in ``text``; None where that is none, or one of another file than ``file``."""
    try:
        manifest = Manifest.model_validate_json(text or b"")
    except ValidationError:
        return None
    return manifest if manifest.file == file else None


def require_manifest(backup: Path) -> Manifest:
    """Give the manifest of ``backup``; raises BackupRefused where it has none."""
    if not backup.is_file():
        raise BackupRefused(
            f"there is no backup {backup}", hint="storekeeper prune_backups --dry-run lists them"
        )
    manifest = read_manifest(backup)
    if manifest is None:
        raise BackupRefused(
            f"{backup.name} has no manifest: storekeeper did not write it, or not to its end",
            hint=f"A manifest is the file {manifest_path(backup).name} beside it",
        )
    return manifest


def mark_verified(backup: Path, manifest: Manifest, *, at: dt.datetime, by: str) -> Manifest:
    """Note in the manifest that a restore has proved the backup."""
    proved = manifest.model_copy(update={"verified": at, "verified_by": by, "verification_error": ""})
    write_manifest(backup, proved)
    return proved


def mark_failed(backup: Path, manifest: Manifest, *, error: str) -> Manifest:
    """Note in the manifest that a backup did not stand its test; it no longer counts."""
    failed = manifest.model_copy(update={"verified": None, "verified_by": "", "verification_error": error})
    write_manifest(backup, failed)
    return failed
