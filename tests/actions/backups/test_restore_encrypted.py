"""Encrypted backups are restored and verified with the file of their key, and with no other."""

import os
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pyrage
import pytest

from actions.backup_database import BackupDatabase
from actions.backup_media import BackupMedia
from actions.backups.manifest import mark_failed
from actions.copy_backups_offsite import CopyBackupsOffsite
from actions.restore_backup import RestoreBackup
from actions.verify_backup import VerifyBackup
from storekeeper.backups import read_manifest
from storekeeper.config.encryption import Encryption
from storekeeper.encryption.streams import WrongIdentity
from storekeeper.errors import BackupRefused, ConfigurationError, NotEnoughSpace


@pytest.fixture
def key(tmp_path: Path) -> tuple[str, Path]:
    """A recipient, and the file with its identity."""
    secret = pyrage.x25519.Identity.generate()
    (tmp_path / "identity").write_text(f"{secret}\n")
    return str(secret.to_public()), tmp_path / "identity"


@pytest.fixture(autouse=True)
def no_identity(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Whoever runs the tests may have a key of their own."""
    monkeypatch.delenv("STOREKEEPER_IDENTITY_FILE", raising=False)
    yield


def encrypted(keeper: Any, recipient: str, place: Path) -> Path:
    """Copy the backups of the keeper, encrypted, and return the folder."""
    place.mkdir(exist_ok=True)
    backups = keeper.config.backups.model_copy(
        update={"offsite": (f"file://{place}",), "encrypt": Encryption(recipients=(recipient,))}
    )
    keeper.config = keeper.config.model_copy(update={"backups": backups})
    keeper.run(CopyBackupsOffsite())
    return place


def only(folder: Path, pattern: str) -> Path:
    (found,) = folder.glob(pattern)
    return found


@pytest.mark.parametrize("database", ["sqlite", "postgresql"])
def test_rows_come_back_from_an_encrypted_copy(
    keeper: Callable[..., Any],
    rows_of: Callable[[Any], list[str]],
    tmp_path: Path,
    key: tuple[str, Path],
    database: str,
) -> None:
    """It is verified, and restored into an empty database; nothing decrypted is left."""
    recipient, identity = key
    kept = keeper(database, orders=10)
    kept.run(BackupDatabase())
    copy = only(encrypted(kept, recipient, tmp_path / "place"), "*.age")
    kept.run(VerifyBackup(), file=copy, identity=identity)
    manifest = read_manifest(copy)
    assert manifest is not None
    assert (manifest.verified is not None, manifest.encrypted) == (True, True)
    empty = keeper(database, orders=None)
    plan, _ = empty.run(RestoreBackup(), file=copy, identity=identity)
    assert rows_of(empty.shop) == rows_of(kept.shop)
    assert "AGE-SECRET" not in repr(plan)
    for one in (kept, empty):
        assert list((one.config.state / "scratch").glob("decrypted-*")) == []


def test_files_come_back_from_an_encrypted_copy(
    keeper: Callable[..., Any], tmp_path: Path, key: tuple[str, Path]
) -> None:
    """A backup of media with its sums, from a key in the environment."""
    recipient, identity = key
    kept = keeper(orders=3)
    kept.run(BackupMedia())
    copy = only(encrypted(kept, recipient, tmp_path / "place"), "*.tar.gz.age")
    before = files_of(kept.config.areas["media"].path)
    os.environ["STOREKEEPER_IDENTITY_FILE"] = str(identity)
    try:
        kept.run(VerifyBackup(), file=copy)
        kept.run(RestoreBackup(), file=copy, replace=True)
    finally:
        del os.environ["STOREKEEPER_IDENTITY_FILE"]
    assert files_of(kept.config.areas["media"].path) == before


def test_without_its_key_nothing_changes(
    keeper: Callable[..., Any], rows_of: Callable[[Any], list[str]], tmp_path: Path, key: tuple[str, Path]
) -> None:
    """No key, another's key, and a failed trial: rows, manifest and folders stay as they were."""
    recipient, _ = key
    kept = keeper(orders=5)
    kept.run(BackupDatabase())
    copy = only(encrypted(kept, recipient, tmp_path / "place"), "*.age")
    before = rows_of(kept.shop), read_manifest(copy)
    (tmp_path / "other").write_text(f"{pyrage.x25519.Identity.generate()}\n")
    for action in (RestoreBackup(), VerifyBackup()):
        with pytest.raises(ConfigurationError, match=f"is encrypted .to {recipient}"):
            kept.run(action, file=copy)
        with pytest.raises(WrongIdentity, match="not encrypted to this identity"):
            kept.run(action, file=copy, identity=tmp_path / "other")
    assert before == (rows_of(kept.shop), read_manifest(copy))


def test_a_flipped_bit_is_found_and_what_was_found_is_not_written_there(
    keeper: Callable[..., Any], rows_of: Callable[[Any], list[str]], tmp_path: Path, key: tuple[str, Path]
) -> None:
    """The trial fails, the manifest says so in clear words alone, and a restore is refused."""
    recipient, identity = key
    kept = keeper(orders=5)
    kept.run(BackupDatabase())
    copy = only(encrypted(kept, recipient, tmp_path / "place"), "*.age")
    data = bytearray(copy.read_bytes())
    data[-40] ^= 1
    copy.write_bytes(data)
    before = rows_of(kept.shop)
    with pytest.raises(BackupRefused, match="another checksum"):
        kept.run(VerifyBackup(), file=copy, identity=identity)
    with pytest.raises(BackupRefused, match="did not pass its test"):
        kept.run(RestoreBackup(), file=copy, identity=identity)
    assert rows_of(kept.shop) == before
    manifest = read_manifest(copy)
    assert manifest is not None
    assert "app.Customer" not in mark_failed(copy, manifest, error="app.Customer 7 differs").text()


def test_room_is_asked_for_before_anything_is_decrypted(
    keeper: Callable[..., Any], tmp_path: Path, key: tuple[str, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    """On a disk that is full nothing is begun."""
    recipient, identity = key
    kept = keeper(orders=5)
    kept.run(BackupDatabase())
    copy = only(encrypted(kept, recipient, tmp_path / "place"), "*.age")
    monkeypatch.setattr("storekeeper.files.space.free_bytes", lambda path: 10)
    with pytest.raises(NotEnoughSpace, match="decrypted"):
        kept.run(VerifyBackup(), file=copy, identity=identity)


def test_age_itself_reads_what_was_copied(
    keeper: Callable[..., Any], tmp_path: Path, key: tuple[str, Path]
) -> None:
    """Without storekeeper: age gives the same bytes, and the whole manifest from within the clear one."""
    recipient, identity = key
    kept = keeper(orders=3)
    _, outcome = kept.run(BackupDatabase())
    (backup,) = outcome.created
    copy = only(encrypted(kept, recipient, tmp_path / "place"), "*.age")
    manifest = read_manifest(copy)
    assert manifest is not None
    read = [
        subprocess.run(["age", "-d", "-i", identity], input=data, capture_output=True, check=True).stdout
        for data in (copy.read_bytes(), manifest.encrypted_manifest.encode())
    ]
    assert read == [backup.read_bytes(), (backup.parent / f"{backup.name}.manifest.json").read_bytes()]


def files_of(folder: Path) -> dict[str, bytes]:
    return {str(one.relative_to(folder)): one.read_bytes() for one in folder.rglob("*") if one.is_file()}
