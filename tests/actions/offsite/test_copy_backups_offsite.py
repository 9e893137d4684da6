"""Copies of backups in a folder, over SSH and in S3: complete, checked, made once, or failing aloud."""

import datetime as dt
import io
import json
import socket
import subprocess
import sys
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest
import yaml

from actions.action import Outcome
from actions.backup_database import BackupDatabase
from actions.backup_media import BackupMedia
from actions.backups.manifest import mark_failed, write_manifest
from actions.copy_backups_offsite import CopyBackupsOffsite
from actions.offsite.afterwards import with_copies
from actions.offsite.place import OffsitePlace, redacted
from storekeeper.backups import read_manifest
from storekeeper.config.model import Retention
from storekeeper.errors import OffsiteFailed

ACTION = CopyBackupsOffsite()
Factory = Callable[..., Any]
MOMENT = dt.datetime(2026, 3, 1, 4, 0, tzinfo=dt.UTC)


def run(desk: Any) -> Outcome:
    options = ACTION.Options()
    return ACTION.perform(desk.context, options, ACTION.plan(desk.context, options))  # type: ignore[arg-type]


def test_copies_arrive_whole_and_are_made_once(place_url: str, make_desk: Factory) -> None:
    """Backup, sums and manifest are there with the same bytes; the next run copies nothing."""
    desk = make_desk(place_url)
    backups = [desk.backup(MOMENT), desk.backup(MOMENT + dt.timedelta(days=7), content=b"x" * 9_000_000)]
    outcome = run(desk)
    place = OffsitePlace(place_url)
    here = {path.name: sha256(path.read_bytes()).hexdigest() for path in desk.folder.iterdir()}
    assert {name: place.sha256(name) for name in place.names()} == here
    assert len(here) == 6
    assert outcome.details["offsite"][0]["copied"] == [one.path.name for one in reversed(backups)]
    again = run(desk)
    assert (again.changed, len(again.details["offsite"][0]["present"])) == (0, 2)


def test_a_copy_without_its_manifest_is_made_again(place_url: str, make_desk: Factory) -> None:
    """What a broken line left under the final name is not taken for a copy."""
    desk = make_desk(place_url)
    backup = desk.backup(MOMENT)
    place = OffsitePlace(place_url)
    place.put(io.BytesIO(b"half"), name=backup.path.name, sha256=sha256(b"half").hexdigest())
    run(desk)
    assert OffsitePlace(place_url).sha256(backup.path.name) == backup.manifest.sha256


def test_content_with_another_sum_never_gets_the_name(place_url: str) -> None:
    """When what is read back differs from what was meant, nothing stays, neither final nor partial."""
    place = OffsitePlace(place_url)
    with pytest.raises(OffsiteFailed, match="another content"):
        place.put(io.BytesIO(b"damaged"), name="backup", sha256=sha256(b"whole").hexdigest())
    assert OffsitePlace(place_url).names() == set()


def test_a_backup_that_is_damaged_here_is_not_copied(place_url: str, make_desk: Factory) -> None:
    """One flipped byte on the local disk is found on the way; the place gets neither it nor its manifest."""
    desk = make_desk(place_url)
    backup = desk.backup(MOMENT)
    data = bytearray(backup.path.read_bytes())
    data[len(data) // 2] ^= 1
    backup.path.write_bytes(data)
    with pytest.raises(OffsiteFailed, match="another content"):
        run(desk)
    assert OffsitePlace(place_url).names() == set()


def test_another_shops_backup_of_the_same_name_stays(place_url: str, make_desk: Factory) -> None:
    """A manifest there with another sum stops the copy: nothing of it is replaced."""
    desk = make_desk(place_url)
    backup = desk.backup(MOMENT)
    other = backup.manifest.model_copy(update={"sha256": "0" * 64}).model_dump_json().encode()
    place = OffsitePlace(place_url)
    name = f"{backup.path.name}.manifest.json"
    place.put(io.BytesIO(other), name=name, sha256=sha256(other).hexdigest())
    with pytest.raises(OffsiteFailed, match="another backup named"):
        run(desk)
    assert OffsitePlace(place_url).names() == {name}


def test_copies_of_another_shop_are_neither_judged_nor_removed(tmp_path: Path, make_keeper: Factory) -> None:
    """Two shops share a place that keeps one copy each day: each keeps its own, and brings its own alone."""
    place = tmp_path / "place"
    place.mkdir()
    keeper = make_keeper("sqlite", orders=3)
    keep = Retention(daily=1, weekly=0, monthly=0)
    backups = keeper.config.backups.model_copy(update={"offsite": (f"file://{place}",), "offsite_keep": keep})
    mine = keeper.config.model_copy(update={"backups": backups})
    theirs = mine.model_copy(
        update={"shop": "other", "backups": backups.model_copy(update={"path": tmp_path / "other"})}
    )
    for minute, config in enumerate((mine, theirs, mine)):
        keeper.now = lambda minute=minute: MOMENT + dt.timedelta(minutes=minute)
        keeper.config = config
        keeper.run(BackupMedia())
        keeper.run(ACTION)
    assert {path.name for path in place.glob("*.tar.gz")} == {
        "media_backup_20260301_110100.tar.gz",
        "media_backup_20260301_110200.tar.gz",
    }


def test_backups_that_a_place_does_not_have_push_no_copy_out(tmp_path: Path, make_keeper: Factory) -> None:
    """After days without the place, one new copy costs none that nothing has replaced there."""
    place = tmp_path / "place"
    place.mkdir()
    keeper = make_keeper("sqlite", orders=3)
    keep = Retention(daily=3, weekly=0, monthly=0)
    backups = keeper.config.backups.model_copy(update={"offsite": (f"file://{place}",), "offsite_keep": keep})
    keeper.config = keeper.config.model_copy(update={"backups": backups})
    for day in range(6):
        keeper.now = lambda day=day: MOMENT + dt.timedelta(days=day)
        _, outcome = keeper.run(BackupMedia())
        if day in (0, 1):
            keeper.run(ACTION)
    with_copies(keeper.context(), outcome, locks=tmp_path / "locks")
    assert {path.name for path in place.glob("*.tar.gz")} == {
        f"media_backup_202603{day:02}_110000.tar.gz" for day in (1, 2, 6)
    }


def test_what_lies_behind_a_link_is_never_copied(tmp_path: Path, make_desk: Factory) -> None:
    """Sums that somebody replaced by a link to a secret bring no byte of the secret to the place."""
    place = tmp_path / "place"
    place.mkdir()
    desk = make_desk(f"file://{place}")
    backup = desk.backup(MOMENT)
    secret = tmp_path / "secret"
    secret.write_bytes(b"root:x:0:0")
    sums = backup.path.with_name(backup.manifest.sums_file)
    sums.unlink()
    sums.symlink_to(secret)
    with pytest.raises(OffsiteFailed, match="link"):
        run(desk)
    assert [] == [path.name for path in place.iterdir() if b"root:x:0:0" in path.read_bytes()]


def test_a_later_verification_reaches_the_copy(place_url: str, make_desk: Factory) -> None:
    """When only the manifest changed here, it alone is brought there."""
    desk = make_desk(place_url)
    backup = desk.backup(MOMENT)
    run(desk)
    path = Path(f"{backup.path}.manifest.json")
    write_manifest(backup.path, backup.manifest.model_copy(update={"verified_by": "a trial restore"}))
    assert run(desk).changed == 0
    there = OffsitePlace(place_url).read_small(path.name)
    assert json.loads(there or b"")["verified_by"] == "a trial restore"


@pytest.mark.parametrize("keep", [None, Retention(daily=1, weekly=0, monthly=0)], ids=["all", "one"])
def test_damage_here_takes_nothing_from_the_copy(
    tmp_path: Path, make_keeper: Factory, keep: Retention | None
) -> None:
    """A backup that is damaged here, and noted as such, is still verified at the place, and stays there."""
    place = tmp_path / "place"
    place.mkdir()
    keeper = make_keeper("sqlite", orders=3)
    backups = keeper.config.backups.model_copy(update={"offsite": (f"file://{place}",), "offsite_keep": keep})
    keeper.config = keeper.config.model_copy(update={"backups": backups})
    keeper.now = lambda: MOMENT
    (path,) = keeper.run(BackupMedia())[1].created
    keeper.run(ACTION)
    proved = read_manifest(path)
    assert proved is not None
    mark_failed(path, proved, error="it is damaged")
    keeper.now = lambda: MOMENT + dt.timedelta(days=3)
    keeper.run(BackupDatabase())
    keeper.run(ACTION)
    assert read_manifest(place / path.name) == proved
    assert (place / path.name).is_file()


def test_one_place_that_fails_keeps_no_other_from_its_copies(tmp_path: Path, make_desk: Factory) -> None:
    """The run fails and names the place, the other place has its copy, and no partial file is left here."""
    (tmp_path / "good").mkdir()
    desk = make_desk(f"file://{tmp_path}/not-mounted", f"file://{tmp_path}/good")
    backup = desk.backup(MOMENT)
    with pytest.raises(OffsiteFailed, match=r"NOT copied to .*not-mounted: there is no such folder"):
        run(desk)
    assert (tmp_path / "good" / backup.path.name).read_bytes() == backup.path.read_bytes()
    assert not (tmp_path / "not-mounted").exists()
    assert {path.stat().st_mode & 0o777 for path in (tmp_path / "good").iterdir()} == {0o600}


def test_a_failed_copy_does_not_fail_the_backup_and_is_told(tmp_path: Path, make_desk: Factory) -> None:
    """After a backup, the outcome says that it was made and that the copy was not."""
    desk = make_desk(f"file://{tmp_path}/not-mounted")
    backup = desk.backup(MOMENT)
    made = Outcome(summary="backed up", created=(backup.path,), details={"files": 1})
    outcome = with_copies(desk.context, made, locks=tmp_path / "locks")
    assert outcome.summary.startswith("backed up; NOT copied to file://")
    assert outcome.created == made.created
    assert outcome.details["files"] == 1
    assert "no such folder" in outcome.details["offsite"][0]["error"]


def test_a_host_with_an_unknown_key_gets_nothing(
    ssh_server: Any, tmp_path: Path, make_desk: Factory, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A server whose key is not among the known hosts is refused before anything is sent."""
    home = tmp_path / "home"
    (home / ".ssh").mkdir(parents=True)
    (home / ".ssh" / "id_ed25519").write_bytes((ssh_server.home / ".ssh" / "id_ed25519").read_bytes())
    (home / ".ssh" / "known_hosts").write_text("")
    monkeypatch.setenv("HOME", str(home))
    desk = make_desk(f"{ssh_server.url}/unknown-host")
    desk.backup(MOMENT)
    with pytest.raises(OffsiteFailed, match="Host key is not trusted"):
        run(desk)
    assert not (ssh_server.folder / "unknown-host").exists()


def test_a_password_in_the_url_is_never_shown(make_desk: Factory) -> None:
    """Neither the plan, nor the error of a place that does not answer, nor the config's text shows it."""
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        url = f"sftp://keeper:s3%40cret@127.0.0.1:{closed.getsockname()[1]}/copies"
        desk = make_desk(url)
        desk.backup(MOMENT)
        plan = json.dumps(ACTION.plan(desk.context, ACTION.Options()).as_json())  # type: ignore[arg-type]
        with pytest.raises(OffsiteFailed) as failed:
            run(desk)
    told = plan + str(failed.value) + repr(desk.context.config)
    assert [secret for secret in ("s3%40cret", "s3@cret") if secret in told] == []
    assert "keeper:***@127.0.0.1" in plan


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("s3://bucket/shop", "s3://bucket/shop"),
        ("sftp://user@host/shop", "sftp://user@host/shop"),
        ("sftp://user:pa:ss@host/shop", "sftp://user:***@host/shop"),
        ("sftp://user:p@ss@host/a@b", "sftp://user:***@host/a@b"),
        ("ftp://:secret@host", "ftp://:***@host"),
        ("sftp://user:pa/ss@host/shop", "sftp://user:***@host/shop"),
        ("sftp://host:2222/a@b", "sftp://host:2222/a@b"),
    ],
)
def test_urls_are_shown_without_their_password(url: str, shown: str) -> None:
    """Whatever stands between the first colon and the last at-sign before the path is hidden."""
    assert redacted(url) == shown


@pytest.mark.parametrize(
    ("library", "url"), [("obstore", "s3://bucket/shop"), ("fsspec", "sftp://host/shop")]
)
def test_without_the_library_the_error_says_what_to_install(tmp_path: Path, library: str, url: str) -> None:
    """An interpreter that has no such library is told the line to type; the import of our code is fine."""
    (tmp_path / f"{library}.py").write_text(f"raise ImportError('hidden', name='{library}')")
    code = (
        "from actions.offsite.place import OffsitePlace\n"
        "from storekeeper.errors import ConfigurationError\n"
        f"try: OffsitePlace({url!r})\n"
        "except ConfigurationError as error: print(error)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        env={"PYTHONPATH": str(tmp_path), "HOME": str(tmp_path)},
        capture_output=True,
        text=True,
    )
    assert done.stdout.endswith("pip install 'storekeeper[offsite]'\n"), done.stderr


def test_a_place_keeps_as_many_as_the_config_says(place_url: str, make_keeper: Factory) -> None:
    """Of four backups two stay there; the others go, are not brought again, and all stay here."""
    keep = "{daily: 2, weekly: 0, monthly: 0}"
    keeper = make_keeper("sqlite", orders=3)
    backups = keeper.config.backups.model_copy(
        update={"offsite": (place_url,), "offsite_keep": Retention.model_validate(yaml.safe_load(keep))}
    )
    keeper.config = keeper.config.model_copy(update={"backups": backups})
    made = []
    for week in range(4):
        keeper.now = lambda week=week: MOMENT + dt.timedelta(days=7 * week)
        made.append(keeper.run(BackupMedia())[1].created[0].name)
        keeper.run(ACTION)
    stranger = OffsitePlace(place_url)
    stranger.put(
        io.BytesIO(b"x"), name="media_backup_20200101_000000.tar.gz", sha256=sha256(b"x").hexdigest()
    )
    _, outcome = keeper.run(ACTION)
    copies = {name for name in OffsitePlace(place_url).names() if name.endswith(".tar.gz")}
    assert copies == {made[2], made[3], "media_backup_20200101_000000.tar.gz"}
    assert outcome.details["offsite"][0]["copied"] == []
    assert {path.name for path in backups.path.glob("*.tar.gz")} == set(made)
    assert len(OffsitePlace(place_url).names()) == 2 * 3 + 1
