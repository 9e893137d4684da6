"""prune_backups with restic: what goes, what never does, and when nothing may."""

import datetime as dt
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from actions.backup_media import BackupMedia
from actions.backups.manifest import mark_failed
from actions.prune_backups import PruneBackups
from storekeeper.backups import MEDIA, Backup, find_backups
from tests.actions.restic.conftest import Restic, contents

START = dt.datetime(2026, 3, 1, 4, tzinfo=dt.UTC)
KEEP_TWO = "keep: {daily: 2, weekly: 0, monthly: 0}"


def records(restic: Restic) -> list[Backup]:
    return find_backups(restic.keeper.config.backups.path, kind=MEDIA)


def make(restic: Restic, *, days: int) -> list[str]:
    """Make a backup a day, each with a file that the next one has no more; return the ids."""
    for day in range(days):
        restic.keeper.now = lambda day=day: START + dt.timedelta(days=day)
        path = restic.keeper.write(f"day{day}.bin", os.urandom(200_000))
        restic.keeper.run(BackupMedia())
        path.unlink()
    return [one.manifest.snapshot_id for one in reversed(records(restic))]


def test_retention_of_media_decides_and_the_room_comes_back(
    make_restic: Callable[..., Restic], tmp_path: Path
) -> None:
    """The two newest days stay, whole; of the others neither record nor snapshot nor data is left."""
    restic = make_restic(KEEP_TWO)
    ids = make(restic, days=4)
    _, outcome = restic.keeper.run(PruneBackups())
    assert restic.ids() == ids[2:]
    assert [one.manifest.snapshot_id for one in records(restic)] == [ids[3], ids[2]]
    assert outcome.changed == 2
    assert outcome.freed_bytes > 300_000
    restic("check", "--read-data")
    assert "day2.bin" in restic.restored(ids[2], to=tmp_path / "back")
    _, again = restic.keeper.run(PruneBackups())
    assert again.changed == 0


def test_newest_verified_snapshot_stays(make_restic: Callable[..., Restic]) -> None:
    """Newer ones that are not verified push no verified one out."""
    restic = make_restic("keep: {daily: 1, weekly: 0, monthly: 0}")
    ids = make(restic, days=3)
    newest, second, _ = records(restic)
    for one in (newest, second):
        mark_failed(one.path, one.manifest, error="it did not come back")
    restic.keeper.run(PruneBackups())
    assert restic.ids() == ids


def test_snapshots_of_others_are_never_touched(make_restic: Callable[..., Restic], tmp_path: Path) -> None:
    """What somebody else keeps in the repository, and another host of the shop, stay for ever."""
    restic = make_restic(KEEP_TWO)
    (tmp_path / "mine.txt").write_text("mine")
    restic("backup", str(tmp_path / "mine.txt"), "--time", "2020-01-01 00:00:00")
    tags = "storekeeper,shop:test,area:media"
    restic(
        "backup",
        str(tmp_path / "mine.txt"),
        "--time",
        "2020-01-02 00:00:00",
        "--tag",
        tags,
        "--host",
        "other",
    )
    others = restic.ids()
    make(restic, days=3)
    restic.keeper.run(PruneBackups())
    assert restic.ids()[:2] == others
    assert len(restic.ids()) == 4


def test_damaged_repository_loses_nothing(make_restic: Callable[..., Restic]) -> None:
    """Where restic's check finds damage, an old snapshot may be the only whole one: none goes."""
    restic = make_restic(KEEP_TWO)
    ids = make(restic, days=3)
    max((restic.path / "data").rglob("*"), key=lambda path: path.stat().st_size * path.is_file()).unlink()
    _, outcome = restic.keeper.run(PruneBackups())
    assert "nothing was removed from it" in outcome.summary
    assert restic.ids() == ids
    assert len(records(restic)) == 3


def test_nothing_goes_without_the_room_that_prune_needs(
    make_restic: Callable[..., Restic], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Restic writes before it removes: on a disk without room nothing begins, and the reason is said."""
    restic = make_restic(KEEP_TWO)
    ids = make(restic, days=3)
    monkeypatch.setattr("actions.backups.restic.prune.free_bytes", lambda path: 1_000_000)
    _, outcome = restic.keeper.run(PruneBackups())
    assert "1.0 MB are free" in outcome.summary
    assert restic.ids() == ids
    assert len(records(restic)) == 3


def test_emergency_waits_for_room(
    make_restic: Callable[..., Restic], monkeypatch: pytest.MonkeyPatch
) -> None:
    """On a disk as full as the emergency says a playbook prunes no snapshot; an operator may."""
    restic = make_restic(KEEP_TWO)
    ids = make(restic, days=3)
    monkeypatch.setattr("actions.backups.restic.prune.FULL", 0.0)
    restic.keeper.attributes = {"trigger": "alert"}
    _, outcome = restic.keeper.run(PruneBackups())
    assert "its disk is too full" in outcome.summary
    assert restic.ids() == ids
    restic.keeper.attributes = {}
    restic.keeper.run(PruneBackups())
    assert restic.ids() == ids[1:]


def test_run_that_was_killed_between_record_and_snapshot_is_gone_on_with(
    make_restic: Callable[..., Restic],
) -> None:
    """A snapshot whose record has gone gets one again, and goes with the next prune."""
    restic = make_restic(KEEP_TWO)
    ids = make(restic, days=3)
    for path in restic.keeper.config.backups.path.glob(f"{records(restic)[-1].path.name}*"):
        path.unlink()
    restic.keeper.now = lambda: START + dt.timedelta(days=3)
    restic.keeper.run(BackupMedia())
    assert ids[0] in {one.manifest.snapshot_id for one in records(restic)}
    restic.keeper.run(PruneBackups())
    assert ids[0] not in restic.ids()
    assert contents(restic.keeper.media)


def test_dry_run_shows_snapshots_with_their_reasons(make_restic: Callable[..., Restic]) -> None:
    """The plan names each snapshot's record as it names an archive."""
    restic = make_restic(KEEP_TWO)
    make(restic, days=3)
    plan: Any = restic.keeper.plan(PruneBackups())
    assert [row[3] for row in plan.rows()[1:]] == [
        "newest verified, daily 1 of 2",
        "daily 2 of 2",
        "– (removed)",
    ]
    assert len(restic.ids()) == 3
