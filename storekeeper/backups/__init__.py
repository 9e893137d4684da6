"""Backups as they lie on the disk: their names, their manifests, and which of them count."""

from storekeeper.backups.found import Backup, Stranger, backups_in, find_backups, find_strangers, manifest_in
from storekeeper.backups.manifest import Manifest, TableSum, read_manifest
from storekeeper.backups.names import (
    DATABASE,
    KINDS,
    MANIFEST_SUFFIX,
    MEDIA,
    SUMS_SUFFIX,
    BackupName,
    parse_name,
)
from storekeeper.backups.raw_sums import RawSequence, RawSums, RawTable

__all__ = [
    "DATABASE",
    "KINDS",
    "MANIFEST_SUFFIX",
    "MEDIA",
    "SUMS_SUFFIX",
    "Backup",
    "BackupName",
    "Manifest",
    "RawSequence",
    "RawSums",
    "RawTable",
    "Stranger",
    "TableSum",
    "backups_in",
    "find_backups",
    "find_strangers",
    "manifest_in",
    "parse_name",
    "read_manifest",
]
