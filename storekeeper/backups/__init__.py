"""Backups as they lie on the disk: their names, their manifests, and which of them count."""

from storekeeper.backups.found import Backup, Stranger, backups_in, find_backups, find_strangers, manifest_in
from storekeeper.backups.manifest import Manifest, TableSum, read_manifest
from storekeeper.backups.names import (
    DATABASE,
    ENCRYPTED_SUFFIX,
    KINDS,
    MANIFEST_SUFFIX,
    MEDIA,
    SUMS_SUFFIX,
    BackupName,
    backup_of,
    parse_name,
    plain_name,
    sums_name,
)
from storekeeper.backups.raw_sums import RawSequence, RawSums, RawTable

__all__ = [
    "DATABASE",
    "ENCRYPTED_SUFFIX",
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
    "backup_of",
    "backups_in",
    "find_backups",
    "find_strangers",
    "manifest_in",
    "parse_name",
    "plain_name",
    "read_manifest",
    "sums_name",
]
