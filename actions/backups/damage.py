"""Whether a backup still is, byte for byte, the file that its manifest speaks of."""

from collections.abc import Mapping
from pathlib import Path

from actions.backups.packing import file_sums
from storekeeper.backups import Manifest, TableSum
from storekeeper.backups.table_names import named_alike
from storekeeper.errors import BackupRefused


class NotProved(BackupRefused):
    """The trial was made, and the backup did not stand it."""


class Differs(NotProved):
    """All was restored, but for values that the message names."""


def read_damage(backup: Path, manifest: Manifest) -> str:
    """Read the whole file; give what is wrong with it, empty when it is as it was written."""
    try:
        sha256, size_bytes = file_sums(backup)
    except OSError as error:
        return f"it cannot be read: {error.strerror or error}"
    if size_bytes != manifest.size_bytes:
        return f"it has {size_bytes} bytes, its manifest says {manifest.size_bytes}"
    if sha256 != manifest.sha256:
        return "it is damaged: its bytes have another checksum than its manifest's"
    return ""


def require_whole(backup: Path, manifest: Manifest) -> None:
    """Raise NotProved unless the file is, byte for byte, the one that the manifest speaks of."""
    if damage := read_damage(backup, manifest):
        raise NotProved(f"{backup.name}: {damage}")


def require_rows(backup: str, *, expected: Mapping[str, TableSum], found: Mapping[str, TableSum]) -> None:
    """Raise NotProved unless the tables are the same and have the same numbers of rows."""
    expected = named_alike(expected, found=found)
    differences = [
        f"{name}: {found[name].rows if name in found else 'no'} rows, not {table.rows}"
        for name, table in expected.items()
        if name not in found or found[name].rows != table.rows
    ]
    if differences:
        raise NotProved(f"{backup} restores to something else: {'; '.join(differences[:5])}")
