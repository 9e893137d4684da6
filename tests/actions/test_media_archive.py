"""What cannot be read: the archive is made of the rest, and does not count as verified."""

import datetime as dt
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from actions.action import Context
from actions.backups.damage import NotProved
from actions.backups.media_archive import write_media_backup
from actions.backups.media_check import try_media
from storekeeper.backups import Manifest
from storekeeper.config import parse_config
from storekeeper.errors import BackupRefused
from storekeeper.shop import Shop

NOBODY = 65534


@contextmanager
def plain_user() -> Iterator[None]:
    """Give up root's right to read everything, where the tests run as root."""
    if os.geteuid() != 0:
        yield
        return
    os.seteuid(NOBODY)
    try:
        yield
    finally:
        os.seteuid(0)


def write(root: Path, folder: Path) -> Manifest:
    text = f"shop: test\nproject: {root.parent}\nareas: {{media: {{path: media}}}}\nstate: {folder}\n"
    config = parse_config(text, name="test", folder=folder, environment={})
    path = folder / "media_backup_20260301_040000.tar.gz"
    draft = Manifest(
        file=path.name,
        kind="media",
        created=dt.datetime(2026, 3, 1, 4, tzinfo=dt.UTC),
        format="tar",
        sha256="",
        size_bytes=0,
    )
    context = Context(
        config=config, shop=Shop.of(config), now=lambda: dt.datetime.now(tz=dt.UTC), report=lambda _: None
    )
    with plain_user():
        return write_media_backup(root, context=context, path=path, draft=draft, expected_files=1)


@pytest.fixture
def root() -> Iterator[Path]:
    """A media folder that a plain user can reach; pytest's own folders are root's alone."""
    with tempfile.TemporaryDirectory() as base:
        Path(base).chmod(0o755)
        media = Path(base) / "media"
        media.mkdir()
        (media / "seen.jpg").write_bytes(b"seen")
        out = Path(base) / "out"
        out.mkdir()
        out.chmod(0o777)
        yield media


def test_an_unreadable_file_keeps_the_backup_from_counting(root: Path) -> None:
    """The rest is in the archive; the manifest names the file and says why it is not verified."""
    secret = root / "secret.jpg"
    secret.write_bytes(b"secret")
    secret.chmod(0)
    manifest = write(root, root.parent / "out")
    assert manifest.left_out == {"secret.jpg": "not readable: Permission denied"}
    assert (manifest.files, manifest.verified) == (1, None)
    assert manifest.verification_error == "it lacks secret.jpg (not readable: Permission denied)"


def test_reading_it_back_does_not_make_up_for_what_it_lacks(root: Path) -> None:
    """An archive that is as it was written, but without a file, does not pass its trial either."""
    (root / "secret.jpg").write_bytes(b"secret")
    (root / "secret.jpg").chmod(0)
    manifest = write(root, root.parent / "out")
    with pytest.raises(NotProved, match=r"but it lacks secret\.jpg"):
        try_media(root.parent / "out" / manifest.file, manifest)


def test_an_unreadable_folder_keeps_the_backup_from_counting(root: Path) -> None:
    """Nobody knows how much is in it, so the backup is not whole."""
    (root / "closed").mkdir(mode=0)
    manifest = write(root, root.parent / "out")
    assert (manifest.files, manifest.verified) == (1, None)
    assert "closed (not readable" in manifest.verification_error


def test_when_nothing_can_be_read_there_is_no_backup(root: Path) -> None:
    """An archive without a file would look like a backup and be none."""
    (root / "seen.jpg").chmod(0)
    with pytest.raises(BackupRefused, match="no file below"):
        write(root, root.parent / "out")
    assert list((root.parent / "out").iterdir()) == []
