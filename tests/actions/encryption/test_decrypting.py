"""An encrypted backup is read again as what its manifest says, or not at all."""

import datetime as dt
import io
import os
from hashlib import sha256
from pathlib import Path

import pyrage
import pytest

from actions.encryption.decrypting import decrypt_backup, readable_backup
from actions.encryption.manifests import decrypted_manifest, is_same_backup, manifest_in_clear
from storekeeper.backups import Manifest, TableSum
from storekeeper.encryption import Recipients, decrypt_stream, encrypt_stream
from storekeeper.encryption.identities import Identities, parse_identities, read_identities
from storekeeper.encryption.streams import WrongIdentity
from storekeeper.errors import BackupRefused, ConfigurationError

SECRET = pyrage.x25519.Identity.generate()
RECIPIENT = str(SECRET.to_public())
MINE = parse_identities(str(SECRET).encode(), name="test")
CREATED = dt.datetime(2026, 3, 1, 4, 0, tzinfo=dt.UTC)


def whole_of(content: bytes, *, file: str = "db_backup_20260301_040000.json") -> Manifest:
    return Manifest(
        file=file,
        created=CREATED,
        number=3,
        shop="test",
        database="default",
        format="json",
        sha256=sha256(content).hexdigest(),
        size_bytes=len(content),
        tables={"app.Customer": TableSum(rows=2, checksum="")},
    )


def encrypted(content: bytes) -> bytes:
    sink = io.BytesIO()
    encrypt_stream(io.BytesIO(content), sink, recipients=Recipients([RECIPIENT]))
    return sink.getvalue()


def placed(folder: Path, content: bytes, *, meant: Manifest) -> tuple[Path, Manifest]:
    data = encrypted(content)
    path = folder / f"{meant.file}.age"
    path.write_bytes(data)
    said = manifest_in_clear(
        meant, sha256=sha256(data).hexdigest(), size_bytes=len(data), recipients=(RECIPIENT,)
    )
    return path, said


def test_it_is_there_for_as_long_as_it_is_used(tmp_path: Path) -> None:
    """The decrypted file lies in a folder that only we may enter, and is gone afterwards."""
    whole = whole_of(b"rows")
    path, said = placed(tmp_path, b"rows", meant=whole)
    with readable_backup(path, said, identities=MINE, folder=tmp_path / "scratch") as (plain, manifest):
        assert (plain.read_bytes(), plain.name, manifest) == (b"rows", whole.file, whole)
        assert (plain.parent.stat().st_mode & 0o777, plain.stat().st_mode & 0o777) == (0o700, 0o600)
    assert list((tmp_path / "scratch").iterdir()) == []


def test_another_file_for_the_same_key_is_refused(tmp_path: Path) -> None:
    """Whoever can write there knows the recipients; what the manifest does not speak of is not taken."""
    path, _ = placed(tmp_path, b"other", meant=whole_of(b"rows"))
    with pytest.raises(BackupRefused, match="something else than its manifest says"):
        decrypt_backup(path, whole_of(b"rows"), to=tmp_path / "plain", identities=MINE)
    assert [one.name for one in tmp_path.iterdir()] == [path.name]


@pytest.mark.parametrize("end", [-1, 200, 70_000])
def test_a_cut_file_leaves_nothing(tmp_path: Path, end: int) -> None:
    """Whole pieces that came before the cut are not left under a name."""
    content = os.urandom(200_000)
    path, _ = placed(tmp_path, content, meant=whole_of(content))
    path.write_bytes(path.read_bytes()[:end])
    with pytest.raises(BackupRefused, match="cut or damaged"):
        decrypt_backup(path, whole_of(content), to=tmp_path / "plain", identities=MINE)
    assert [one.name for one in tmp_path.iterdir()] == [path.name]


def test_a_manifest_of_another_backup_is_refused(tmp_path: Path) -> None:
    """An encrypted part that was taken from beside another backup does not speak for this one."""
    _, said = placed(tmp_path, b"rows", meant=whole_of(b"rows"))
    later = whole_of(b"rows").model_copy(update={"created": CREATED + dt.timedelta(days=1)})
    _, other = placed(tmp_path, b"rows", meant=later)
    mixed = said.model_copy(update={"encrypted_manifest": other.encrypted_manifest})
    with pytest.raises(BackupRefused, match="speaks of something else"):
        decrypted_manifest(mixed, identities=MINE)
    assert not is_same_backup(said, later)
    assert is_same_backup(said, whole_of(b"rows"))


def test_the_wrong_identity_changes_nothing(tmp_path: Path) -> None:
    """Not even a folder is made."""
    path, said = placed(tmp_path, b"rows", meant=whole_of(b"rows"))
    other = Identities(keys=(pyrage.x25519.Identity.generate(),))
    with (
        pytest.raises(WrongIdentity),
        readable_backup(path, said, identities=other, folder=tmp_path / "scratch"),
    ):
        pass
    assert not (tmp_path / "scratch").exists()


def test_a_key_with_a_passphrase_is_told_how_to_be_used() -> None:
    """age asks for the passphrase; we take the key from its output."""
    with pytest.raises(ConfigurationError, match="passphrase") as told:
        parse_identities(pyrage.passphrase.encrypt(b"x", "pass"), name="key.age")
    assert "--identity -" in str(told.value)


def test_a_file_without_a_key_is_never_quoted(tmp_path: Path) -> None:
    """Half a key is no key, and is not shown."""
    broken = str(SECRET)[:-4]
    (tmp_path / "key").write_text(broken)
    with pytest.raises(ConfigurationError, match="holds no identity") as told:
        read_identities(tmp_path / "key")
    assert broken[:30] not in str(told.value)
    assert read_identities(None, environment={}) is None


def test_what_a_sink_raises_is_passed_on() -> None:
    """A full disk is told as such, not as a damaged backup."""

    class Full:
        def write(self, data: bytes, /) -> None:
            raise OSError(28, "No space left on device")

    with pytest.raises(OSError, match="No space"):
        decrypt_stream(io.BytesIO(encrypted(b"x" * 100_000)), Full(), identities=MINE, name="copy")


def test_where_a_snapshot_is_copied_later_is_said_in_clear() -> None:
    """The record of a restic snapshot learns of more repositories after it was encrypted."""
    record = whole_of(b"record", file="media_backup_20260301_040000.restic").model_copy(
        update={"repository": "media.restic", "snapshot_id": "ab12"}
    )
    first = manifest_in_clear(record, sha256="0" * 64, size_bytes=9, recipients=(RECIPIENT,))
    known = record.model_copy(update={"copies": ("sftp:host:/copies",)})
    later = manifest_in_clear(
        known, sha256="0" * 64, size_bytes=9, recipients=(RECIPIENT,), encrypted=first.encrypted_manifest
    )
    assert is_same_backup(first, known)
    assert decrypted_manifest(later, identities=MINE).copies == ("sftp:host:/copies",)
