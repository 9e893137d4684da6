"""The names of backups: ``db_backup_[NAME_]YYYYMMDD_HHMMSS.json.gz``, ``media_backup_….tar.gz``."""

import datetime as dt
import re
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

DATABASE: Final = "database"
MEDIA: Final = "media"
KINDS: Final = (DATABASE, MEDIA)

DEFAULT_DATABASE: Final = "default"
"""The database whose backups do not carry its name."""

MANIFEST_SUFFIX: Final = ".manifest.json"
SUMS_SUFFIX: Final = ".sha256.gz"
"""Of the file beside a backup of media that has the SHA-256 of each file in it."""

ENCRYPTED_SUFFIX: Final = ".age"
"""Of a backup that is encrypted, and of the sums beside it."""

_OWNER: Final = r"[A-Za-z_][A-Za-z0-9_-]{0,62}"
_STAMP: Final = r"(?P<stamp>[0-9]{8}_[0-9]{6})"

# Kind of backup → its names. The backup of another area than media is named for that area.
_NAMES: Final = MappingProxyType(
    {
        DATABASE: re.compile(
            rf"db_backup_(?:(?P<owner>{_OWNER})_)?{_STAMP}\.(?:json|json\.gz|dump|sqlite3|sqlite3\.gz)"
        ),
        MEDIA: re.compile(rf"(?P<owner>{_OWNER})_backup_{_STAMP}\.(?:tar\.gz|restic)"),
    }
)


@dataclass(frozen=True, kw_only=True)
class BackupName:
    """What a name tells: the kind, the database or area that is in it, and the time as it is written."""

    kind: str
    owner: str
    stamp: str
    encrypted: bool = False

    @property
    def moment(self) -> dt.datetime | None:
        """Give the time that is written, without a zone; None for one that no clock shows."""
        try:
            return dt.datetime.strptime(self.stamp, "%Y%m%d_%H%M%S")  # noqa: DTZ007 - the name tells no zone
        except ValueError:
            return None


def parse_name(name: str) -> BackupName | None:
    """Give what the name of a whole backup tells; None for every other name, as of a partial file."""
    plain = plain_name(name)
    for kind, pattern in _NAMES.items():
        if match := pattern.fullmatch(plain):
            return BackupName(
                kind=kind,
                owner=match["owner"] or DEFAULT_DATABASE,
                stamp=match["stamp"],
                encrypted=plain != name,
            )
    return None


def plain_name(name: str) -> str:
    """Give the name that a backup has when it is not encrypted."""
    return name.removesuffix(ENCRYPTED_SUFFIX)


def sums_name(name: str) -> str:
    """Give the name of the sums beside the backup ``name``, encrypted as it is."""
    plain = plain_name(name)
    return plain + SUMS_SUFFIX + (ENCRYPTED_SUFFIX if plain != name else "")


def backup_of(name: str) -> str:
    """Give the backup that a file in its folder belongs to, as its manifest or sums: else the name itself."""
    if name.endswith(MANIFEST_SUFFIX):
        return name.removesuffix(MANIFEST_SUFFIX)
    if name.endswith(SUMS_SUFFIX + ENCRYPTED_SUFFIX):
        return name.removesuffix(SUMS_SUFFIX + ENCRYPTED_SUFFIX) + ENCRYPTED_SUFFIX
    return name.removesuffix(SUMS_SUFFIX)
