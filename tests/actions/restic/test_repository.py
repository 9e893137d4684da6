"""The repository of restic itself: made whole, opened with its password, its errors in plain words."""

import os
import shutil
import stat
from pathlib import Path

import pytest

from actions.backups.restic.program import NoRepository, run
from actions.backups.restic.repository import Repository, make_password
from actions.backups.restic.restore import read_file, read_files, restore_snapshot
from actions.backups.restic.snapshots import find_snapshot, list_snapshots, open_or_make, tags_of
from storekeeper.errors import AlreadyRunning, BackupRefused, ConfigurationError
from tests.actions.restic.conftest import hold

FILES = {
    "products/ផលិតផល [a]*.jpg": b"one",
    "products/line\nend.jpg": b"two",
    "empty.bin": b"",
    os.fsdecode(b"broken-\xff.jpg"): b"three",
}


@pytest.fixture
def quick(empty_repository: Repository, tmp_path: Path) -> Repository:
    """An empty repository that opens at once."""
    assert empty_repository.path is not None
    shutil.copytree(empty_repository.path, tmp_path / "repo")
    shutil.copy(empty_repository.password_file, tmp_path / "password")
    return Repository(
        location=str(tmp_path / "repo"), password_file=tmp_path / "password", patience_seconds=0
    )


@pytest.fixture
def repository(tmp_path: Path) -> Repository:
    return Repository(
        location=str(tmp_path / "repo"), password_file=tmp_path / "password", patience_seconds=0
    )


def fill(repository: Repository, root: Path) -> str:
    """Back up FILES as restic's own command does; return the id of the snapshot."""
    for name, content in FILES.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes(content)
    open_or_make(repository)
    run(repository, ["backup", ".", "--tag", tags_of(shop="madamda", area="media")], directory=root)
    return list_snapshots(repository, shop="madamda")[0].id


def test_snapshot_comes_back_as_it_was(quick: Repository, tmp_path: Path) -> None:
    """Odd names and empty files are restored below the target, and read the same without it."""
    snapshot = fill(quick, tmp_path / "media")
    restore_snapshot(quick, snapshot, target=tmp_path / "back")
    assert {name: (tmp_path / "back" / name).read_bytes() for name in FILES} == FILES
    found = {one.name: one for one in read_files(quick, snapshot)}
    assert {name: one.size_bytes for name, one in found.items()} == {
        name: len(content) for name, content in FILES.items()
    }
    for name in FILES:
        assert read_file(quick, snapshot, name) == found[name]


def test_newest_snapshot_of_the_shop_is_the_latest(quick: Repository, tmp_path: Path) -> None:
    """A snapshot is found by its id, by the begin of it, or as the latest of its shop alone."""
    snapshot = fill(quick, tmp_path / "media")
    assert find_snapshot(quick, "latest", shop="madamda").id == snapshot
    assert find_snapshot(quick, snapshot[:10]).area == "media"
    with pytest.raises(BackupRefused, match="has no snapshot latest of the shop another"):
        find_snapshot(quick, "latest", shop="another")


def test_password_is_made_once_and_for_its_owner_alone(repository: Repository) -> None:
    """The file has the mode 0600, and one that is there is never replaced."""
    assert make_password(repository)
    text = repository.password_file.read_text()
    assert len(text.strip()) > 30
    assert stat.S_IMODE(repository.password_file.stat().st_mode) == 0o600
    assert not make_password(repository)
    assert repository.password_file.read_text() == text


def test_repository_is_made_once(repository: Repository, tmp_path: Path) -> None:
    """A second start finds it; a lost password file, or another password, is said and nothing is made."""
    assert open_or_make(repository)
    assert not open_or_make(repository)
    (repository.password_file).rename(tmp_path / "kept")
    with pytest.raises(BackupRefused, match=r"its password file .* is not"):
        open_or_make(repository)
    repository.password_file.write_text("another")
    with pytest.raises(BackupRefused, match="does not open with the password"):
        list_snapshots(repository)


def test_folder_of_something_else_is_left_alone(repository: Repository, tmp_path: Path) -> None:
    """A folder with files that is no repository never becomes one."""
    (tmp_path / "repo").mkdir()
    (tmp_path / "repo" / "letter.txt").write_text("mine")
    with pytest.raises(BackupRefused, match="is not empty and no restic repository"):
        open_or_make(repository)
    with pytest.raises(NoRepository, match="no restic repository at"):
        list_snapshots(repository)


def test_missing_program_is_named_with_the_line_to_type(repository: Repository) -> None:
    """Without restic the error says how to install it."""
    without = Repository(
        location=repository.location,
        password_file=repository.password_file,
        program="no-restic-here",
    )
    with pytest.raises(ConfigurationError, match="apt-get install restic"):
        open_or_make(without)


def test_repository_in_use_is_said_and_a_dead_lock_goes(quick: Repository, tmp_path: Path) -> None:
    """The lock of a restic that lives is waited for, that of a killed one is removed."""
    fill(quick, tmp_path / "media")
    locks = tmp_path / "repo" / "locks"
    with (
        hold({**os.environ, **quick.variables()}, locks=locks) as holder,
        pytest.raises(AlreadyRunning, match=f"is in use: locked by PID {holder.pid} on"),
    ):
        run(quick, ["check"])
    assert any(locks.iterdir())
    patient = Repository(location=quick.location, password_file=quick.password_file, patience_seconds=20)
    run(patient, ["check"])
    assert not list(locks.iterdir())
