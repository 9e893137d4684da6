"""backup_media with restic: what restic alone gives back, and what counts as verified."""

import datetime as dt
import json
import os
import shlex
import stat
from collections.abc import Callable
from pathlib import Path

import pytest

from actions.backup_media import BackupMedia
from actions.backups.manifest import require_manifest
from storekeeper.backups import MEDIA, find_backups
from storekeeper.errors import BackupRefused, NotEnoughSpace
from storekeeper.measure.backups import read_backups
from tests.actions.restic.conftest import Restic, contents

ACTION = BackupMedia()
ODD_NAMES = (
    "products/ផលិតផល រូបភាព.jpg",
    "products/line\nend and \\ backslash.jpg",
    os.fsdecode(b"products/broken-\xff\xfe.jpg"),
    "products/[a]*?.jpg",
    "empty.bin",
)


def test_restic_alone_restores_every_file(make_restic: Callable[..., Restic], tmp_path: Path) -> None:
    """Odd names, modes and times come back by restic's own command; the manifest says what is in it."""
    restic = make_restic(quick=False)
    for number, name in enumerate(ODD_NAMES):
        path = restic.keeper.write(name, os.urandom(3000 * number) if "empty" not in name else b"")
        path.chmod(0o640 if number % 2 else 0o604)
    _, outcome = restic.keeper.run(ACTION)
    (record,) = outcome.created
    manifest = require_manifest(record)
    assert restic.ids() == [manifest.snapshot_id]
    assert restic.restored(manifest.snapshot_id, to=tmp_path / "back") == contents(restic.keeper.media)
    for name in ODD_NAMES:
        back, there = (tmp_path / "back" / name).stat(), (restic.keeper.media / name).stat()
        assert (back.st_mode, back.st_mtime_ns) == (there.st_mode, there.st_mtime_ns)
    assert manifest.files == len(contents(restic.keeper.media))
    assert manifest.verified is not None
    assert "made the repository; keep a copy of its password file" in outcome.summary
    restic("check", "--read-data")


def test_snapshot_counts_as_an_archive_does(restic: Restic) -> None:
    """The metrics, reports and checks see it with its age, its size and that it is verified."""
    restic.keeper.run(ACTION)
    (found,) = [one for one in read_backups(restic.keeper.config.backups.path) if one.kind == MEDIA]
    size = sum(len(content) for content in contents(restic.keeper.media).values())
    assert (found.owner, found.size_bytes, bool(found.verified), found.problem) == (MEDIA, size, True, "")


def test_second_backup_takes_what_is_new(restic: Restic, tmp_path: Path) -> None:
    """Only the new file comes into the repository, is restored and compared; both snapshots are whole."""
    restic.keeper.write("large.bin", os.urandom(2_000_000))
    restic.keeper.run(ACTION)
    before = sum(path.stat().st_size for path in restic.path.rglob("*"))
    restic.keeper.write("products/new [1].bin", os.urandom(5000))
    _, outcome = restic.keeper.run(ACTION)
    assert sum(path.stat().st_size for path in restic.path.rglob("*")) - before < 100_000
    manifest = require_manifest(outcome.created[0])
    assert manifest.verified is not None
    assert restic.restored(manifest.snapshot_id, to=tmp_path / "back") == contents(restic.keeper.media)
    assert "made the repository" not in outcome.summary


def test_links_are_not_followed_and_our_own_folders_stay_out(restic: Restic, tmp_path: Path) -> None:
    """A link is in the snapshot as a link; what storekeeper has set aside in the area is not in it."""
    (tmp_path / "secret").mkdir()
    (tmp_path / "secret" / "key.txt").write_text("secret")
    (restic.keeper.media / "link").symlink_to(tmp_path / "secret")
    restic.keeper.write(".storekeeper-trash/old.png")
    restic.keeper.write("products/.storekeeper-quarantine/old.png")
    _, outcome = restic.keeper.run(ACTION)
    listed = restic("ls", require_manifest(outcome.created[0]).snapshot_id)
    assert "/link" in listed
    assert "key.txt" not in listed
    assert ".storekeeper" not in listed
    assert require_manifest(outcome.created[0]).verified is not None


def test_password_is_nowhere_but_in_its_file(restic: Restic) -> None:
    """Neither the records, nor the repository, nor what is reported has it; the file is its owner's alone."""
    _, outcome = restic.keeper.run(ACTION)
    file = restic.keeper.config.state / "restic-password"
    password = file.read_text().strip()
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    told = f"{outcome} {restic.keeper.reports}"
    assert password not in told
    for path in restic.keeper.config.backups.path.rglob("*"):
        assert not path.is_file() or password.encode() not in path.read_bytes()


def test_file_that_restic_could_not_read_is_missing(
    restic: Restic, with_restic: Callable[[str], None]
) -> None:
    """Restic's exit code 3 makes a snapshot that names what it lacks and does not count as verified."""
    restic.keeper.write("products/closed.bin", b"closed")
    error = {"message_type": "error", "during": "archival", "item": "products/closed.bin"}
    with_restic(f"""
        [ "$1" = backup ] || exec $real "$@"
        $real "$@" --exclude closed.bin
        echo '{json.dumps(error)}' >&2
        exit 3""")
    _, outcome = restic.keeper.run(ACTION)
    manifest = require_manifest(outcome.created[0])
    assert manifest.verified is None
    assert "it lacks products/closed.bin (not readable)" in manifest.lacks
    assert "not verified: " in outcome.summary
    assert manifest.snapshot_id in restic.ids()


@pytest.mark.parametrize(
    "script",
    [
        # As the first backup is read back, and as a later one is.
        """[ "$1" = dump ] || exec $real "$@"
           $real "$@" | sed "s/as it is/as it WA/" """,
        """[ "$1" = restore ] || exec $real "$@"
           $real "$@"; sed -i "s/as it is/as it WA/" "$4"/products/new.bin""",
    ],
    ids=["whole", "new"],
)
def test_other_bytes_than_the_shops_do_not_count(
    restic: Restic, with_restic: Callable[[str], None], script: str, request: pytest.FixtureRequest
) -> None:
    """What restic gives back with other bytes than the shop's file has makes the backup fail."""
    if request.node.callspec.id == "new":
        restic.keeper.write("large.bin", os.urandom(100_000))
        restic.keeper.run(ACTION)
    restic.keeper.write("products/new.bin", b"as it is")
    with_restic(script)
    with pytest.raises(BackupRefused, match=r"products/new\.bin has another sum"):
        restic.keeper.run(ACTION)
    newest = find_backups(restic.keeper.config.backups.path, kind=MEDIA)[0]
    assert (newest.verified, newest.manifest.snapshot_id) == (False, restic.ids()[-1])


@pytest.mark.parametrize("later", [False, True], ids=["whole", "new"])
def test_file_that_restic_passed_over_is_missed(
    restic: Restic, with_restic: Callable[[str], None], later: bool
) -> None:
    """A file of the shop that is not in the snapshot makes the backup fail, whatever restic says."""
    if later:
        restic.keeper.write("large.bin", os.urandom(100_000))
        restic.keeper.run(ACTION)
    restic.keeper.write("products/new.bin", b"as it is")
    with_restic("""[ "$1" = backup ] || exec $real "$@"
                   exec $real "$@" --exclude new.bin""")
    with pytest.raises(BackupRefused, match=r"products/new\.bin is not in it"):
        restic.keeper.run(ACTION)


def test_file_that_changes_meanwhile_is_named_and_nothing_fails(
    restic: Restic, with_restic: Callable[[str], None]
) -> None:
    """Of a file that is written while it is read nobody knows what restic has; all else is verified."""
    path = restic.keeper.write("products/busy.bin", b"before")
    with_restic(f"""[ "$1" = backup ] && echo after > {shlex.quote(str(path))}
                    exec $real "$@" """)
    _, outcome = restic.keeper.run(ACTION)
    manifest = require_manifest(outcome.created[0])
    assert manifest.changed == {"products/busy.bin": "changed while it was read"}
    assert manifest.verified is not None


def test_killed_run_left_a_snapshot_without_a_record(restic: Restic) -> None:
    """The next run writes the record that is missing, so that the snapshot is verified and pruned as any."""
    restic.keeper.run(ACTION)
    for path in restic.keeper.config.backups.path.glob("media_backup_*"):
        path.unlink()
    restic.keeper.run(ACTION)
    found = find_backups(restic.keeper.config.backups.path, kind=MEDIA)
    assert {one.manifest.snapshot_id for one in found} == set(restic.ids())
    assert [one.verified for one in found] == [True, False]


def test_full_disk_is_known_before_anything_is_written(restic: Restic) -> None:
    """Without room for the new files nothing begins."""
    with (restic.keeper.media / "huge.bin").open("wb") as file:
        # A hole takes no room here, and would in a backup.
        file.truncate(1 << 43)
    with pytest.raises(NotEnoughSpace):
        restic.keeper.run(ACTION)
    assert restic.ids() == []


def test_snapshot_that_was_removed_by_hand_counts_no_more(restic: Restic) -> None:
    """Without its file in the repository a record is damaged, for metrics and reports alike."""
    restic.keeper.run(ACTION)
    restic("forget", restic.ids()[0])
    (found,) = [one for one in read_backups(restic.keeper.config.backups.path) if one.kind == MEDIA]
    assert "its snapshot is not in the repository" in found.problem


def test_moment_of_the_snapshot_is_the_backups(restic: Restic) -> None:
    """Restic's own time of the snapshot is that of the run, whatever zone the machine has."""
    restic.keeper.now = lambda: dt.datetime(2026, 3, 4, 5, 6, 7, tzinfo=dt.UTC)
    restic.keeper.run(ACTION)
    assert "2026-03-04T05:06:07Z" in restic("snapshots", "--json")
