"""Backups that lie here encrypted: nothing in clear is left, and all that reads backups goes on."""

import datetime as dt
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyrage
import pytest

from actions.backup_database import BackupDatabase
from actions.backup_media import BackupMedia
from actions.backups.manifest import write_manifest
from actions.copy_backups_offsite import CopyBackupsOffsite
from actions.encryption.at_rest import remove_clear_twins
from actions.prune_backups import PruneBackups
from actions.restore_backup import RestoreBackup
from actions.verify_backup import VerifyBackup
from storekeeper.backups import find_backups, read_manifest
from storekeeper.config import Retention
from storekeeper.config.encryption import Encryption
from storekeeper.errors import BackupRefused, NotEnoughSpace


@pytest.fixture
def kept(keeper: Callable[..., Any], tmp_path: Path) -> Any:
    """A keeper whose backups are encrypted at rest; the identity is in ``tmp_path / "identity"``."""
    secret = pyrage.x25519.Identity.generate()
    (tmp_path / "identity").write_text(f"{secret}\n")
    kept = keeper(orders=5)
    encrypt = Encryption(recipients=(str(secret.to_public()),), at_rest=True)
    backups = kept.config.backups.model_copy(update={"encrypt": encrypt})
    kept.config = kept.config.model_copy(update={"backups": backups})
    return kept


def names(kept: Any) -> list[str]:
    return sorted(path.name for path in kept.config.backups.path.iterdir())


def test_only_the_encrypted_form_stays(
    kept: Any, keeper: Callable[..., Any], rows_of: Callable[[Any], list[str]], tmp_path: Path
) -> None:
    """Verified at once, without the identity; restored with it; read again each night without it."""
    _, outcome = kept.run(BackupDatabase())
    (path,) = outcome.created
    assert names(kept) == [path.name, f"{path.name}.manifest.json"]
    assert path.name.endswith(".age")
    manifest = read_manifest(path)
    assert manifest is not None
    assert (manifest.encrypted, manifest.verified is not None, manifest.tables) == (True, True, {})
    _, again = kept.run(VerifyBackup())
    assert "1 verified before" in again.summary
    empty = keeper(orders=None)
    empty.run(RestoreBackup(), file=path, identity=tmp_path / "identity")
    assert rows_of(empty.shop) == rows_of(kept.shop)


def test_media_and_its_sums_are_encrypted_and_copied_as_they_are(kept: Any, tmp_path: Path) -> None:
    """The place gets the very bytes; nothing is encrypted twice."""
    (tmp_path / "place").mkdir()
    backups = kept.config.backups.model_copy(update={"offsite": (f"file://{tmp_path}/place",)})
    kept.config = kept.config.model_copy(update={"backups": backups})
    (path,) = kept.run(BackupMedia())[1].created
    plain = path.name.removesuffix(".age")
    assert names(kept) == [path.name, f"{path.name}.manifest.json", f"{plain}.sha256.gz.age"]
    kept.run(CopyBackupsOffsite())
    here = {one.name: one.read_bytes() for one in path.parent.iterdir()}
    assert {one.name: one.read_bytes() for one in (tmp_path / "place").iterdir()} == here
    kept.run(VerifyBackup(), file=path, identity=tmp_path / "identity")


def test_retention_counts_and_removes_encrypted_backups(kept: Any) -> None:
    """Of three of media one stays, and with the others go their sums and manifests."""
    backups = kept.config.backups.model_copy(update={"keep": Retention(daily=1, weekly=0, monthly=0)})
    kept.config = kept.config.model_copy(update={"backups": backups})
    for day in range(3):
        moment = dt.datetime(2026, 3, 1 + day, 4, 0, tzinfo=dt.UTC)
        kept.now = lambda moment=moment: moment
        (path,) = kept.run(BackupMedia())[1].created
    kept.run(PruneBackups())
    assert {name.split(".")[0] for name in names(kept)} == {path.name.split(".")[0]}
    assert len(names(kept)) == 3


def test_a_backup_that_does_not_pass_is_encrypted_all_the_same(
    kept: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What failed is told at once; on the disk lies nothing that can be read."""
    monkeypatch.setattr("actions.verify_backup.verify", lambda *args, **more: "app.Customer 7 differs")
    with pytest.raises(BackupRefused, match="Customer 7 differs"):
        kept.run(BackupDatabase())
    assert [name.split(".", 1)[1] for name in names(kept)] == [
        "json.gz.age",
        "json.gz.age.manifest.json",
    ]


def test_where_it_cannot_be_encrypted_the_backup_stays(kept: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """A disk without room for both is told; the backup in clear is whole, and nothing is lost."""

    def full(path: Path, *, needed_bytes: int, purpose: str) -> None:
        raise NotEnoughSpace(purpose)

    monkeypatch.setattr("actions.encryption.at_rest.require_free_bytes", full)
    with pytest.raises(NotEnoughSpace, match="encrypted"):
        kept.run(BackupDatabase())
    (backup,) = find_backups(kept.config.backups.path)
    assert (backup.verified, backup.path.suffix) == (True, ".gz")


def test_what_does_not_decrypt_on_the_disk_takes_no_clear_backup(
    kept: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Encryption that writes something else is found before the clear form goes."""

    def broken(source: Any, sink: Any, *, recipients: Any) -> None:
        while data := source.read(1 << 20):
            sink.write(data)

    monkeypatch.setattr("actions.encryption.at_rest.encrypt_stream", broken)
    with pytest.raises(BackupRefused, match="cannot be decrypted"):
        kept.run(BackupDatabase())
    assert [one.path.suffix for one in find_backups(kept.config.backups.path)] == [".gz"]


@pytest.mark.parametrize("damaged", [False, True])
def test_a_twin_in_clear_goes_only_when_the_encrypted_one_is_whole(
    kept: Any, tmp_path: Path, damaged: bool
) -> None:
    """After a kill between the two, the next run finishes; a damaged encrypted form takes nothing with it."""
    clear = kept.config.backups.model_copy(update={"encrypt": None})
    encrypting = kept.config
    kept.config = kept.config.model_copy(update={"backups": clear})
    (path,) = kept.run(BackupMedia())[1].created
    before = {one.name: one.read_bytes() for one in path.parent.iterdir()}
    kept.config = encrypting
    from actions.encryption.at_rest import encrypt_at_rest

    encrypted = encrypt_at_rest(path, config=kept.config)
    for name, content in before.items():
        (path.parent / name).write_bytes(content)
    if damaged:
        data = bytearray(encrypted.read_bytes())
        data[-9] ^= 1
        encrypted.write_bytes(data)
    remove_clear_twins(path.parent, config=kept.config)
    assert path.exists() == damaged
    # Another backup under the same name is no twin.
    manifest = read_manifest(encrypted)
    assert manifest is not None
    for name, content in before.items():
        (path.parent / name).write_bytes(content)
    write_manifest(encrypted, manifest.model_copy(update={"number": 99}))
    remove_clear_twins(path.parent, config=kept.config)
    assert path.exists()
