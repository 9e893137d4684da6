"""Backups of media on a real shop: what any tar gets out of them, and files that change meanwhile."""

import datetime as dt
import gzip
import os
import subprocess
import tarfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from actions.action import Progress
from actions.backup_database import BackupDatabase
from actions.backup_media import BackupMedia
from actions.backups.manifest import require_manifest
from actions.backups.media_check import check_media_backup
from actions.prune_backups import PruneBackups
from actions.verify_backup import VerifyBackup
from storekeeper.backups import MEDIA, find_backups
from storekeeper.errors import BackupRefused, ConfigurationError, NotEnoughSpace
from storekeeper.measure.backups import read_backups

ACTION = BackupMedia()
Factory = Callable[..., Any]
ODD_NAMES = (
    "products/ផលិតផល រូបភាព.jpg",
    "products/line\nend and \\ backslash.jpg",
    os.fsdecode(b"products/broken-\xff\xfe.jpg"),
    "deep/" + "/".join(["folder" * 8] * 12) + "/file.bin",
    "empty.bin",
)


@pytest.fixture
def keeper(make_keeper: Factory) -> Any:
    return make_keeper("sqlite", orders=3, options=("--expired-share=0",))


def unpack(archive: Path, target: Path) -> Path:
    """Unpack with the system's own tar; give the folder that came out."""
    target.mkdir()
    subprocess.run(["tar", "-xzpf", archive, "-C", target], check=True, capture_output=True)
    (folder,) = target.iterdir()
    return folder


def tree(root: Path) -> dict[str, tuple[bytes, int, int]]:
    """Give name → content, mode and time of each file."""
    return {
        os.path.relpath(path, root): (path.read_bytes(), path.stat().st_mode, path.stat().st_mtime_ns)
        for path in (Path(folder, name) for folder, _, names in os.walk(root) for name in names)
        if not path.is_symlink()
    }


def test_tar_restores_every_file_with_its_bytes_mode_and_time(keeper: Any, tmp_path: Path) -> None:
    """Khmer, undecodable and very long names, line ends, modes and nanoseconds come out as they went in."""
    for number, name in enumerate(ODD_NAMES):
        path = keeper.write(name, os.urandom(3000 * number) if "empty" not in name else b"", days=number)
        path.chmod(0o640 if number % 2 else 0o604)
        os.utime(path, ns=(1_700_000_000_123_456_789, 1_700_000_000_123_456_789 + number))
    _, outcome = keeper.run(ACTION)
    (archive,) = outcome.created
    assert tree(unpack(archive, tmp_path / "out")) == tree(keeper.media)
    assert outcome.details["files"] == len(tree(keeper.media))


def test_tar_restores_every_folder_with_its_mode_and_time(keeper: Any, tmp_path: Path) -> None:
    """Empty folders, odd names, closed modes and the times of folders come out as they went in."""
    for number, name in enumerate(("empty", "ថត ទទេ/ក្នុង", os.fsdecode(b"broken-\xff"), "products")):
        folder = keeper.media / name
        folder.mkdir(parents=True, exist_ok=True)
        folder.chmod(0o2750 if number % 2 else 0o555)
    for folder, _, _ in os.walk(keeper.media, topdown=False):
        os.utime(folder, ns=(1_700_000_000_000_000_000, 1_700_000_000_987_654_321))

    def folders(root: Path) -> dict[str, tuple[int, int]]:
        return {
            os.path.relpath(folder, root): (os.stat(folder).st_mode, os.stat(folder).st_mtime_ns)
            for folder, _, _ in os.walk(root)
        }

    before = folders(keeper.media)
    _, outcome = keeper.run(ACTION)
    assert folders(unpack(outcome.created[0], tmp_path / "out")) == before
    assert require_manifest(outcome.created[0]).folders == len(before)


def test_verify_backup_reads_it_again_and_finds_damage(keeper: Any) -> None:
    """A verified archive stays so as long as its bytes are the same; then it counts no more."""
    keeper.write("noise.bin", os.urandom(20_000))
    _, outcome = keeper.run(ACTION)
    (archive,) = outcome.created
    _, checked = keeper.run(VerifyBackup())
    assert checked.summary == "1 verified before are as they were"
    keeper.run(VerifyBackup(), file=archive)
    data = bytearray(archive.read_bytes())
    data[len(data) // 2] ^= 1
    archive.write_bytes(data)
    with pytest.raises(BackupRefused, match="1 of 1 backups did not pass"):
        keeper.run(VerifyBackup())
    assert "another checksum" in require_manifest(archive).verification_error


def test_verify_backup_misses_the_sums(keeper: Any) -> None:
    """Without the list of sums beside it nothing proves the archive."""
    _, outcome = keeper.run(ACTION)
    (archive,) = outcome.created
    archive.with_name(archive.name + ".sha256.gz").unlink()
    with pytest.raises(BackupRefused, match="did not pass"):
        keeper.run(VerifyBackup(), file=archive)
    assert require_manifest(archive).verified is None


def test_sums_beside_it_are_what_sha256sum_checks(keeper: Any, tmp_path: Path) -> None:
    """After unpacking, sha256sum --check agrees with the list, odd names included."""
    for name in ODD_NAMES:
        keeper.write(name, name.encode("utf-8", "surrogateescape"))
    _, outcome = keeper.run(ACTION)
    (archive,) = outcome.created
    folder = unpack(archive, tmp_path / "out")
    sums = gzip.decompress(archive.with_name(archive.name + ".sha256.gz").read_bytes())
    checked = subprocess.run(["sha256sum", "--check", "--strict", "--quiet"], input=sums, cwd=folder.parent)
    assert (checked.returncode, sums.count(b"\n")) == (0, outcome.details["files"])


def test_counts_for_the_exporter_as_verified_and_is_private(keeper: Any) -> None:
    """The exporter finds the backup verified; archive, sums and manifest are its owner's alone."""
    _, outcome = keeper.run(ACTION)
    (archive,) = outcome.created
    assert [
        (one.name, one.kind, one.verified is not None, one.problem)
        for one in read_backups(keeper.config.backups.path)
    ] == [(archive.name, "media", True, "")]
    assert {path.stat().st_mode & 0o777 for path in archive.parent.iterdir()} == {0o600}
    assert len(list(archive.parent.iterdir())) == 3


def test_links_stay_out_and_are_told(keeper: Any, tmp_path: Path) -> None:
    """A link to a file or a folder outside is not followed; the manifest names it."""
    secret = tmp_path / "secret"
    secret.mkdir()
    (secret / "key").write_text("secret")
    (keeper.media / "folder-link").symlink_to(secret)
    (keeper.media / "file-link").symlink_to(secret / "key")
    _, outcome = keeper.run(ACTION)
    assert outcome.details["left_out"] == {"folder-link": "a link", "file-link": "a link"}
    with tarfile.open(outcome.created[0]) as archive:
        assert not [name for name in archive.getnames() if "link" in name]


def test_a_file_that_vanishes_during_the_run_is_told(keeper: Any) -> None:
    """Files that go away while the archive is written are left out of it, and the rest is whole."""
    for number in range(300):
        keeper.write(f"many/{number}.bin", b"x" * 100)
    removed = False

    def remove_all(progress: Progress) -> None:
        nonlocal removed
        if not removed:
            removed = True
            for path in (keeper.media / "many").iterdir():
                path.unlink()

    context = keeper.context()
    hearing = type(context)(config=context.config, shop=context.shop, now=context.now, report=remove_all)
    plan = ACTION.plan(hearing, ACTION.Options())
    outcome = ACTION.perform(hearing, ACTION.Options(), plan)  # type: ignore[arg-type]
    vanished = [name for name, why in outcome.details["left_out"].items() if why == "vanished"]
    assert removed
    assert outcome.details["verified"]
    assert len(vanished) + outcome.details["files"] == plan.files
    assert len(vanished) > 0


def test_an_empty_area_does_not_push_out_a_full_backup(keeper: Any) -> None:
    """When the area has no file and its last backup has some, its disk is missing: refused."""
    keeper.run(ACTION)
    keeper.media.rename(keeper.media.with_name("away"))
    keeper.media.mkdir()
    with pytest.raises(BackupRefused, match="is empty"):
        keeper.plan(ACTION)


def test_a_new_shop_without_uploads_has_a_backup(keeper: Any) -> None:
    """An area that never had a file gives an empty archive, verified."""
    keeper.media.rename(keeper.media.with_name("away"))
    keeper.media.mkdir()
    _, outcome = keeper.run(ACTION)
    with tarfile.open(outcome.created[0]) as archive:
        assert archive.getnames() == [keeper.media.name]


def test_notes_that_the_database_should_come_first(keeper: Any) -> None:
    """The plan says so without a backup of the database, with an old one, and not with a fresh one."""
    assert keeper.plan(ACTION).notes == ("there is no backup of the database; run backup_database first",)
    keeper.run(BackupDatabase())
    assert keeper.plan(ACTION).notes == ()
    moment = dt.datetime.now(tz=dt.UTC) + dt.timedelta(days=1, minutes=1)
    keeper.now = lambda: moment
    assert "run backup_database before this" in keeper.plan(ACTION).summary


def test_refuses_without_room_before_it_writes(keeper: Any) -> None:
    """A sparse file larger than the disk makes the plan need too much; nothing is written."""
    path = keeper.write("huge.bin")
    os.truncate(path, 1 << 43)
    with pytest.raises(NotEnoughSpace):
        keeper.run(ACTION)
    assert not list(keeper.config.backups.path.glob("*"))


def test_refuses_a_folder_inside_the_area(keeper: Any) -> None:
    """A backup is never written into what it backs up, not by way of a link either."""
    way = keeper.media.parent / "way-in"
    way.symlink_to(keeper.media)
    with pytest.raises(ConfigurationError, match="would hold itself"):
        keeper.plan(ACTION, output=way / "backups")


def test_sweeps_what_a_killed_run_left(keeper: Any) -> None:
    """Partial files, and sums or manifests without their archive, go at the next run; others stay."""
    folder = keeper.config.backups.path
    folder.mkdir(parents=True)
    name = "media_backup_20250101_000000.tar.gz"
    left = [f".{name}.partial", f"{name}.sha256.gz", f".{name}.sha256.gz.partial", f"{name}.manifest.json"]
    for each in [*left, "media_backup_20250102_000000.tar.gz", "notes.txt"]:
        (folder / each).write_bytes(b"12345")
    _, outcome = keeper.run(ACTION)
    names = {path.name for path in folder.iterdir()}
    assert not names & set(left)
    assert {"media_backup_20250102_000000.tar.gz", "notes.txt"} < names
    assert outcome.freed_bytes == 5 * len(left)


def test_another_area_has_backups_of_its_own_name(make_keeper: Factory) -> None:
    """Static files go into static_backup_…, which no reader takes for a backup of media."""
    keeper = make_keeper("sqlite", orders=3)
    (keeper.media / "sub").mkdir()
    (keeper.media / "sub" / "a.css").write_text("a")
    area = keeper.config.areas["media"].model_copy(update={"path": keeper.media / "sub"})
    areas = {**keeper.config.areas, "static": area}
    keeper.config = keeper.config.model_copy(update={"areas": areas})
    _, outcome = keeper.run(ACTION, area="static")
    assert outcome.created[0].name.startswith("static_backup_2")
    assert read_backups(keeper.config.backups.path) == ()
    assert [one.manifest.area for one in find_backups(keeper.config.backups.path, kind=MEDIA)] == ["static"]


@pytest.mark.parametrize("where", [20, 0.3, 0.9, -10])
def test_reading_back_finds_any_damage(keeper: Any, where: float) -> None:
    """One flipped bit at the beginning, in the middle or at the end of the archive is found."""
    keeper.write("noise.bin", os.urandom(200_000))
    _, outcome = keeper.run(ACTION)
    (archive,) = outcome.created
    manifest = require_manifest(archive)
    data = bytearray(archive.read_bytes())
    data[int(where * len(data)) if 0 < where < 1 else int(where)] ^= 1
    archive.write_bytes(data)
    with pytest.raises(BackupRefused):
        check_media_backup(archive, manifest, sums=archive.with_name(manifest.sums_file))


def test_prune_backups_takes_archive_sums_and_manifest_and_leaves_the_database_alone(keeper: Any) -> None:
    """Media and database are series of their own; of four media backups the two newest stay."""
    keep = keeper.config.backups.keep.model_copy(update={"daily": 2, "weekly": 0, "monthly": 0})
    backups = keeper.config.backups.model_copy(update={"keep": keep})
    keeper.config = keeper.config.model_copy(update={"backups": backups})
    keeper.run(BackupDatabase())
    database = {path.name for path in backups.path.iterdir()}
    names = []
    for day in range(4):
        keeper.now = lambda day=day: dt.datetime(2026, 3, 1 + day, 4, tzinfo=dt.UTC)
        names.append(keeper.run(ACTION)[1].created[0].name)
    keeper.now = lambda: dt.datetime.now(tz=dt.UTC) + dt.timedelta(minutes=1)
    keeper.run(PruneBackups())
    kept = {name + ending for name in names[2:] for ending in ("", ".sha256.gz", ".manifest.json")}
    assert {path.name for path in backups.path.iterdir()} == database | kept
