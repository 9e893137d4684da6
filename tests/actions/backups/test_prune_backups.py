"""prune_backups: what the retention does not keep goes, and nothing that is not ours."""

import datetime as dt
import hashlib
import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from actions.action import Progress
from actions.backup_database import BackupDatabase
from actions.backups.files import sweep_partial_files
from actions.backups.manifest import manifest_path, mark_verified, write_manifest
from actions.prune_backups import PruneBackups
from actions.verify_backup import VerifyBackup
from storekeeper.backups import Manifest, read_manifest
from storekeeper.errors import BackupRefused, UnsafePath
from storekeeper.files import PartialFile
from tests.swapping import swapping_at_calls

NOW = dt.datetime(2025, 12, 31, 12, 0, tzinfo=dt.UTC)


def place(
    folder: Path,
    *,
    days: int,
    verified: bool = True,
    database: str = "default",
    shop: str = "",
    hours: int = 0,
) -> Path:
    """Put a backup of so many days ago into a folder, with its manifest."""
    folder.mkdir(exist_ok=True)
    created = NOW - dt.timedelta(days=days, hours=hours)
    prefix = "db_backup_" if database == "default" else f"db_backup_{database}_"
    path = folder / f"{prefix}{created:%Y%m%d_%H%M%S}.json.gz"
    path.write_bytes(b"rows")
    manifest = Manifest(
        file=path.name,
        created=created,
        shop=shop,
        database=database,
        engine="sqlite",
        format="json",
        sha256=hashlib.sha256(b"rows").hexdigest(),
        size_bytes=4,
        verified=created if verified else None,
    )
    write_manifest(path, manifest)
    return path


def left(folder: Path) -> set[str]:
    """Give the names of everything in a folder but the manifests."""
    return {path.name for path in folder.iterdir() if not path.name.endswith(".manifest.json")}


def test_old_backups_go_with_their_manifests(keeper: Callable[..., Any]) -> None:
    """Of 40 daily backups the guide's 7, 4 and 12 stay, each with its manifest."""
    kept = keeper(orders=None)
    kept.now = lambda: NOW
    folder = kept.config.backups.path
    paths = [place(folder, days=days) for days in range(40)]
    plan, outcome = kept.run(PruneBackups())
    stay = {one.backup.path for one in plan.judged if one.reasons}
    assert {path.name for path in stay} == left(folder)
    assert set(paths[:7]) <= stay
    assert outcome.changed == 40 - len(stay)
    assert {path.name for path in folder.glob("*.manifest.json")} == {
        manifest_path(path).name for path in stay
    }


def test_plan_tells_the_reason_of_each(keeper: Callable[..., Any]) -> None:
    """The table of the dry run says why a backup stays; nothing is removed by it."""
    kept = keeper(orders=None)
    kept.now = lambda: NOW
    folder = kept.config.backups.path
    paths = [place(folder, days=days) for days in (0, 1, 2)]
    rows = kept.plan(PruneBackups()).rows()
    assert rows[1] == (
        paths[0].name,
        "4 B",
        "yes",
        "newest verified, daily 1 of 7, weekly 1 of 4, monthly 1 of 12",
    )
    assert left(folder) == {path.name for path in paths}


def test_files_of_others_are_never_removed(keeper: Callable[..., Any]) -> None:
    """A file without our manifest stays, whatever its name and its age."""
    kept = keeper(orders=None)
    kept.now = lambda: NOW
    folder = kept.config.backups.path
    for days in range(60):
        place(folder, days=days)
    foreign = folder / "db_backup_20190101_000000.json.gz"
    foreign.write_bytes(b"somebody's")
    other = folder / "customers.xlsx"
    other.write_bytes(b"somebody's")
    linked = folder / "db_backup_20190102_000000.json.gz"
    linked.symlink_to(other)
    # A manifest that was copied beside another file speaks of the first one.
    copied = folder / "db_backup_20190103_000000.json.gz"
    copied.write_bytes(b"somebody's")
    manifest_path(copied).write_bytes(manifest_path(place(folder, days=0)).read_bytes())
    kept.run(PruneBackups())
    assert {foreign.name, other.name, linked.name, copied.name} <= left(folder)


def test_databases_are_counted_apart(keeper: Callable[..., Any]) -> None:
    """Many backups of one database do not drive out those of another."""
    kept = keeper(orders=None)
    kept.now = lambda: NOW
    folder = kept.config.backups.path
    for days in range(30):
        place(folder, days=days)
    archive = place(folder, days=300, database="archive")
    kept.run(PruneBackups())
    assert archive.name in left(folder)


def test_backup_that_was_proved_meanwhile_stays(keeper: Callable[..., Any]) -> None:
    """A backup whose manifest has changed since the plan is left for the next run."""
    kept = keeper(orders=None)
    kept.now = lambda: NOW
    folder = kept.config.backups.path
    place(folder, days=0)
    old = place(folder, days=1, verified=False)
    action = PruneBackups()
    plan = kept.plan(action)
    assert [backup.path for backup in plan.gone] == [old]
    mark_verified(old, plan.gone[0].manifest, at=NOW, by="test")
    action.perform(kept.context(), action.Options(), plan)
    assert old.name in left(folder)


def test_backup_that_is_proved_while_others_go_stays(keeper: Callable[..., Any]) -> None:
    """Each is looked at again right before it goes: a trial may end while the others are removed."""
    kept = keeper(orders=None)
    kept.now = lambda: NOW
    folder = kept.config.backups.path
    place(folder, days=0)
    old = [place(folder, days=days, verified=False) for days in (1, 2, 3)]
    action = PruneBackups()
    plan = kept.plan(action)
    assert set(old) == {backup.path for backup in plan.gone}
    context = kept.context()
    proved: list[str] = []

    def prove_the_others(progress: Progress) -> None:
        for backup in plan.gone:
            if not proved and f"removed {backup.path.name}" != progress.note:
                mark_verified(backup.path, backup.manifest, at=NOW, by="test")
                proved.append(backup.path.name)

    outcome = action.perform(replace(context, report=prove_the_others), action.Options(), plan)
    assert 1 == len(proved)
    assert proved[0] in left(folder)
    assert {path.name for path in old} - set(proved) == set(outcome.details["removed"])


def test_real_backup_is_known_by_its_manifest(keeper: Callable[..., Any]) -> None:
    """What backup_database wrote is judged; unproved and alone, it stays."""
    kept = keeper(orders=5)
    _, outcome = kept.run(BackupDatabase())
    plan, _ = kept.run(PruneBackups())
    assert [(one.backup.path, one.reasons) for one in plan.judged] == [
        (outcome.created[0], ("not verified yet",))
    ]


def flip(path: Path) -> None:
    """Change one bit of a backup."""
    data = bytearray(path.read_bytes())
    data[1] ^= 1
    path.write_bytes(data)


def flip_manifest(path: Path) -> None:
    """Change one digit of the year in which a backup was made."""
    text = manifest_path(path).read_bytes()
    manifest_path(path).write_bytes(text.replace(b'"created": "2025', b'"created": "2024'))


@pytest.mark.parametrize(
    "damage",
    [lambda path: path.write_bytes(b"row"), flip, flip_manifest, lambda path: path.write_bytes(b"")],
    ids=["cut", "a bit", "a bit of the manifest", "emptied"],
)
@pytest.mark.parametrize("which", [(0,), (0, 1, 2), (3,)], ids=["newest", "three newest", "an older one"])
def test_damaged_backup_pushes_no_good_one_out(
    keeper: Callable[..., Any], damage: Callable[[Path], Any], which: tuple[int, ...]
) -> None:
    """Where verified backups are damaged, as many good ones stay as there are to be."""
    kept = keeper(orders=None)
    kept.now = lambda: NOW
    keep = kept.config.backups.keep.model_copy(update={"daily": 4, "weekly": 0, "monthly": 0})
    backups = kept.config.backups.model_copy(update={"keep": keep})
    kept.config = kept.config.model_copy(update={"backups": backups})
    folder = kept.config.backups.path
    paths = [place(folder, days=days) for days in range(9)]
    for number in which:
        damage(paths[number])
    plan, outcome = kept.run(PruneBackups())
    # Also the plan, which a person reads, knows what does not count.
    assert {backup.path.name for backup in plan.gone} == set(outcome.details["removed"])
    good = [path for number, path in enumerate(paths) if number not in which]
    stay = {path.name for path in good[:4]}
    assert stay <= left(folder)
    assert not {path.name for path in good[4:]} & left(folder)
    # The damaged ones are still there to be looked at, and are told.
    assert {paths[number].name for number in which} <= left(folder)


def test_damage_is_told_and_noted(keeper: Callable[..., Any]) -> None:
    """The manifest of a damaged backup says so from then on; the next run removes it, as not verified."""
    kept = keeper(orders=None)
    kept.now = lambda: NOW
    folder = kept.config.backups.path
    paths = [place(folder, days=days) for days in range(40)]
    flip(paths[3])
    plan, outcome = kept.run(PruneBackups())
    assert f"{paths[3].name} is damaged" in plan.summary
    assert "another checksum" in outcome.details["damaged"][paths[3].name]
    manifest = read_manifest(paths[3])
    assert manifest is not None
    assert (manifest.verified, "another checksum" in manifest.verification_error) == (None, True)
    kept.run(PruneBackups())
    assert not paths[3].exists()


def test_nothing_is_read_where_nothing_goes(keeper: Callable[..., Any]) -> None:
    """Where all backups stay, their bytes are not looked at: reading them is the work of verify_backup."""
    kept = keeper(orders=None)
    kept.now = lambda: NOW
    path = place(kept.config.backups.path, days=1)
    flip(path)
    assert kept.plan(PruneBackups()).empty


def test_backups_of_another_shop_in_the_folder_stay(keeper: Callable[..., Any]) -> None:
    """Two shops share a folder: ours are judged among themselves, and not one of the other's goes."""
    kept = keeper(orders=None)
    kept.now = lambda: NOW
    folder = kept.config.backups.path
    theirs = {place(folder, days=days, shop="other").name for days in range(40)}
    ours = [place(folder, days=days, hours=1, shop=kept.config.shop) for days in range(9)]
    kept.run(PruneBackups())
    assert theirs <= left(folder)
    assert {path.name for path in ours[:7]} <= left(folder)
    assert ours[8].name in left(folder)
    assert ours[7].name not in left(folder)


def test_backups_of_another_shop_are_not_tried(keeper: Callable[..., Any]) -> None:
    """A trial with the wrong code would mark a good backup as failed, and its own shop would remove it."""
    kept = keeper(orders=None)
    theirs = place(kept.config.backups.path, days=1, verified=False, shop="other")
    assert kept.plan(VerifyBackup(), all=True).empty
    with pytest.raises(BackupRefused, match="of the shop 'other'"):
        kept.plan(VerifyBackup(), file=theirs)


def test_what_another_shop_is_writing_is_not_swept(keeper: Callable[..., Any]) -> None:
    """A partial backup that somebody holds stays, with what is beside it; one of a crashed run goes."""
    kept = keeper(orders=None)
    kept.now = lambda: NOW
    folder = kept.config.backups.path
    final = folder / "db_backup_20251231_110000.json.gz"
    crashed = folder / ".db_backup_20251230_110000.json.gz.partial"
    with PartialFile(final) as file:
        file.stream.write(b"rows")
        manifest_path(final).write_bytes(b"{}")
        crashed.write_bytes(b"half")
        kept.run(PruneBackups())
        assert {path.name for path in folder.iterdir()} == {file.path.name, manifest_path(final).name}
        file.finish()
    assert final.read_bytes() == b"rows"


def test_a_folder_that_was_swapped_after_the_plan_is_left_alone(
    keeper: Callable[..., Any], tmp_path: Path
) -> None:
    """A link that leads to the same backups elsewhere gets the folder's name: none of those goes."""
    kept = keeper(orders=None)
    kept.now = lambda: NOW
    folder, outside = kept.config.backups.path, tmp_path / "outside"
    for days in range(40):
        place(folder, days=days)
    plan = kept.plan(PruneBackups())
    outside.mkdir()
    for path in folder.iterdir():
        os.link(path, outside / path.name)
    folder.rename(tmp_path / "aside")
    folder.symlink_to(outside)
    with pytest.raises(UnsafePath):
        PruneBackups().perform(kept.context(), PruneBackups.Options(), plan)  # type: ignore[arg-type]
    assert len(left(outside)) == len(left(tmp_path / "aside")) == 40


def test_sweeping_follows_no_folder_that_was_swapped(tmp_path: Path) -> None:
    """A link gets the folder's name between the look and the removal: nothing behind it goes."""
    folder, outside = tmp_path / "backups", tmp_path / "outside"
    name = ".db_backup_20251230_110000.json.gz.partial"
    for place_of in (folder, outside):
        place_of.mkdir()
        (place_of / name).write_bytes(b"half")
    with swapping_at_calls(
        folder, outside=outside, calls={"os.rename", "os.remove"}, only_named=False
    ) as swaps:
        sweep_partial_files(folder)
    assert swaps.count > 0
    assert (outside / name).exists()
    assert not (folder / name).exists()


def test_notes_are_never_written_through_a_link(keeper: Callable[..., Any], tmp_path: Path) -> None:
    """A link where the new manifest is to be written is replaced; what it leads to stays as it is."""
    kept = keeper(orders=None)
    kept.now = lambda: NOW
    path = place(kept.config.backups.path, days=1, verified=False)
    theirs = tmp_path / "theirs"
    theirs.write_bytes(b"not yours")
    path.with_name(f".{path.name}.manifest.json.partial").symlink_to(theirs)
    manifest = read_manifest(path)
    assert manifest is not None
    mark_verified(path, manifest, at=NOW, by="a trial")
    assert theirs.read_bytes() == b"not yours"
    proved = read_manifest(path)
    assert proved is not None and proved.verified == NOW
