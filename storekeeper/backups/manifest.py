"""
The manifest beside each backup: what the backup is, what it holds, and whether a restore has proved it.

``NAME.manifest.json`` belongs to the backup ``NAME``. It carries a seal, the SHA-256 of all it says, so that
one changed bit in it is noticed. A backup without a manifest that can be read proves nothing: retention
neither counts nor removes it.
"""

import hashlib
import json
from pathlib import Path
from typing import Any, Final, Literal

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, ValidationError

from storekeeper import __version__
from storekeeper.backups.names import MANIFEST_SUFFIX
from storekeeper.backups.raw_sums import RawSums

SEAL: Final = "seal"


class TableSum(BaseModel):
    """
    What a table held: rows, links of each many-to-many field, and a checksum over the rows.

    The checksum is the SHA-256 of the table's lines in the fixture, in the order of their keys, each
    followed by a comma and a newline. It is empty where rows were counted only.
    """

    model_config = ConfigDict(frozen=True)

    rows: int
    checksum: str
    links: dict[str, int] = Field(default_factory=dict)
    stored_as: str = ""
    """The table in the raw sums that holds these rows."""


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
    number: int = 0
    """Counts up with every backup in its folder, so that a clock which goes back changes no order."""
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
    not_checked: dict[str, str] = Field(default_factory=dict)
    """Each table that the backup holds, and that could not be checked to its end → why."""
    loses: dict[str, str] = Field(default_factory=dict)
    """
    Each ``app.Model.column`` of which loaddata alone would make something else → how many values; each table
    whose keys it would give once more → which.
    """
    drift: dict[str, str] = Field(default_factory=dict)
    """Each ``table.column`` with values that tables made by migrate would refuse → how many, and why."""
    area: str = ""
    files: int = 0
    folders: int = 0
    left_out_files: int = 0
    changed: dict[str, str] = Field(default_factory=dict)
    """The first files that changed while they were read → how; bytes that are no UTF-8 as ``\\xNN``."""
    changed_files: int = 0
    lacks: str = ""
    """What could not be read and is missing in it, empty for a whole one: it can never be verified then."""
    sums_file: str = ""
    """The file beside the backup with the SHA-256 of each file in it, as sha256sum reads it, packed."""
    repository: str = ""
    """
    The restic repository that holds the files; the file is then only the record of a snapshot there. A folder
    counts from the record's own; no password is in it.
    """
    snapshot_id: str = ""
    copies: tuple[str, ...] = ()
    """More repositories that have the snapshot, under another id and with this one as its original."""
    encrypted_manifest: str = ""
    """
    Of an encrypted backup: the whole manifest, as it was when the backup was encrypted, encrypted with age.
    What stands beside it in clear names no table, no file and no error.
    """
    recipients: tuple[str, ...] = ()
    """Whose identities decrypt the backup."""
    config: str = ""
    """The text of ``storekeeper.yml`` without its secrets, so that an empty machine can be told all of it."""
    django_version: str = ""
    migrations: tuple[str, ...] = ()
    numbers: str = ""
    """The numbers of content types and permissions: JSON, packed with zlib, in base64."""
    raw: RawSums | None = None
    """What SQL says about the values at the moment of the snapshot; None where that could not be asked."""
    verified: AwareDatetime | None = None
    verified_by: str = ""
    verification_error: str = ""
    differs: bool = False
    """Its trial restored all of it, but for values that ``verification_error`` names."""

    @property
    def rows(self) -> int:
        """Give the number of rows in all tables."""
        return sum(table.rows for table in self.tables.values())

    @property
    def held_bytes(self) -> int:
        """Return the bytes of the backup; of a snapshot, which shares its data, those of the files in it."""
        return self.content_bytes if self.snapshot_id else self.size_bytes

    @property
    def encrypted(self) -> bool:
        """Tell whether the backup that it speaks of is encrypted."""
        return bool(self.encrypted_manifest)

    def is_of(self, shop: str) -> bool:
        """Tell whether it is the shop's, or says nothing about that; ``""`` means any shop."""
        return not shop or self.shop in ("", shop)

    def text(self) -> str:
        """Give what is written beside the backup, sealed."""
        said = self.model_dump(mode="json")
        return json.dumps({**said, SEAL: _seal(said)}, indent=2, ensure_ascii=False) + "\n"


def read_manifest(backup: Path) -> Manifest | None:
    """Give the manifest of ``backup``; None where there is none, or none that was written for this file."""
    try:
        text = backup.with_name(backup.name + MANIFEST_SUFFIX).read_bytes()
    except OSError:
        return None
    return read_manifest_text(text, file=backup.name)


def read_manifest_text(text: bytes | None, *, file: str) -> Manifest | None:
    """Give the manifest in ``text``; None where that is none, is damaged, or is of another file."""
    try:
        said = json.loads(text or b"")
        # A manifest without a seal is one that an older version wrote.
        if not isinstance(said, dict) or said.pop(SEAL, None) not in (None, _seal(said)):
            return None
        manifest = Manifest.model_validate(said)
    except (ValidationError, ValueError, RecursionError):
        return None
    return manifest if manifest.file == file else None


def _seal(said: dict[str, Any]) -> str:
    """Give the sum over everything that is said, also in keys that this version does not know."""
    plain = json.dumps(said, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(plain.encode("ascii")).hexdigest()
