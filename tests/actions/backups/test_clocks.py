"""Clocks that jump: no name twice, no order changed, no good backup evicted."""

import datetime as dt
import zoneinfo
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from actions.backup_database import BackupDatabase
from actions.backup_media import BackupMedia
from actions.backups.packing import file_sums
from actions.backups.retention import Candidate, decide
from actions.prune_backups import PruneBackups
from actions.verify_backup import VerifyBackup
from storekeeper.backups import KINDS, Manifest, find_backups, read_manifest
from storekeeper.config import Retention
from storekeeper.errors import BackupRefused

Factory = Callable[..., Any]
NOW = dt.datetime(2026, 3, 29, 1, 30, tzinfo=dt.UTC)


@pytest.fixture
def shop(keeper: Factory) -> Any:
    """A shop without rows that keeps one backup a day."""
    kept = keeper(orders=None)
    kept.write("products/picture.jpg")
    keep = kept.config.backups.keep.model_copy(update={"daily": 1, "weekly": 0, "monthly": 0})
    backups = kept.config.backups.model_copy(update={"keep": keep})
    kept.config = kept.config.model_copy(update={"backups": backups})
    return kept


def manifest_of(path: Path) -> Manifest:
    """Give the manifest of a backup that must have one."""
    manifest = read_manifest(path)
    assert manifest is not None
    return manifest


@pytest.mark.parametrize("action", [BackupDatabase(), BackupMedia()], ids=["database", "media"])
def test_clock_that_goes_back_overwrites_nothing(shop: Any, action: Any) -> None:
    """The same second comes twice: the second run is refused, and the first backup is as it was."""
    shop.now = lambda: NOW
    (first,) = shop.run(action)[1].created
    before = {path.name: file_sums(path) for path in first.parent.iterdir()}
    shop.now = lambda: NOW - dt.timedelta(hours=1)
    (earlier,) = shop.run(action)[1].created
    shop.now = lambda: NOW
    with pytest.raises(BackupRefused, match="already"):
        shop.run(action)
    assert before.items() <= {path.name: file_sums(path) for path in first.parent.iterdir()}.items()
    assert [manifest_of(path).number for path in (first, earlier)] == [1, 2]


def test_hour_that_comes_twice_gives_two_names(shop: Any) -> None:
    """When summer time ends, the wall clock repeats an hour: half past two is there twice, a second apart."""
    moments = [
        dt.datetime(2026, 10, 25, hour, 30, second, tzinfo=dt.UTC) for hour, second in ((0, 0), (1, 1))
    ]
    paths = []
    for moment in moments:
        shop.now = lambda moment=moment: moment
        plan = shop.plan(BackupMedia())
        berlin = type(plan)(**{**vars(plan), "time_zone": "Europe/Berlin"})
        paths += BackupMedia().perform(shop.context(), BackupMedia.Options(), berlin).created  # type: ignore[arg-type]
    assert [path.name for path in paths] == [
        "media_backup_20261025_023000.tar.gz",
        "media_backup_20261025_023001.tar.gz",
    ]
    found = [one.path for one in find_backups(paths[0].parent, kind="media")]
    assert found == [paths[1], paths[0]]


def test_hour_that_comes_twice_counts_in_its_order() -> None:
    """Ten past two in winter time comes after ten to three in summer time, and fills the day."""
    berlin = zoneinfo.ZoneInfo("Europe/Berlin")
    made = [
        Candidate(
            name=name,
            created=dt.datetime(2026, 10, 25, hour, minute, tzinfo=dt.UTC).astimezone(berlin),
            verified=True,
        )
        for name, hour, minute in (("summer", 0, 50), ("winter", 1, 10))
    ]
    assert [f"{one.created:%H:%M}" for one in made] == ["02:50", "02:10"]
    keep = Retention(daily=1, weekly=0, monthly=0)
    for now, stay in (
        (
            dt.datetime(2026, 10, 26, tzinfo=dt.UTC),
            {"winter": ("newest verified", "daily 1 of 1"), "summer": ()},
        ),
        (
            # In the middle of the hour, when the later one is not made yet.
            dt.datetime(2026, 10, 25, 1, 0, tzinfo=dt.UTC).astimezone(berlin),
            {"winter": ("from the future",), "summer": ("newest verified", "daily 1 of 1")},
        ),
    ):
        assert {one.name: one.reasons for one in decide(made, keep=keep, now=now)} == stay
    late = [made[0], replace(made[1], verified=False)]
    assert {one.name: one.reasons for one in decide(late, keep=keep, now=now + dt.timedelta(days=1))} == {
        "winter": ("not verified yet",),
        "summer": ("newest verified", "daily 1 of 1"),
    }


def test_newest_that_was_made_with_a_clock_gone_back_stays(shop: Any) -> None:
    """The backup that was made last stays, although its clock said that it is the oldest."""
    days = (0, 1, 2, -400)
    paths = []
    for day in days:
        shop.now = lambda day=day: NOW + dt.timedelta(days=day)
        paths += shop.run(BackupMedia())[1].created
    shop.run(VerifyBackup(), all=True)
    shop.now = lambda: NOW + dt.timedelta(days=3)
    plan, _ = shop.run(PruneBackups())
    reasons = {one.backup.path: one.reasons for one in plan.judged}
    assert reasons[paths[3]] == ("made last",)
    assert "newest verified" in reasons[paths[2]]
    assert {one.path for kind in KINDS for one in find_backups(paths[0].parent, kind=kind)} == set(paths[2:])


def test_clock_of_another_century_evicts_nothing(shop: Any) -> None:
    """A machine that starts in 1970 takes all backups for ones from the future: all of them stay."""
    for day in range(3):
        shop.now = lambda day=day: NOW + dt.timedelta(days=day)
        shop.run(BackupMedia())
    shop.now = lambda: dt.datetime(1970, 1, 1, 0, 1, tzinfo=dt.UTC)
    plan = shop.plan(PruneBackups())
    assert plan.gone == ()
    assert {one.reasons[0] for one in plan.judged} == {"from the future"}


def test_last_one_is_kept_beside_the_newest() -> None:
    """Numbers decide only who was last; where they agree with the times there is no further reason."""
    made = [
        Candidate(name=str(number), created=NOW - dt.timedelta(days=age), verified=True, number=number)
        for number, age in ((1, 2), (2, 1), (3, 400))
    ]
    keep = Retention(daily=1, weekly=0, monthly=0)
    stay = {one.name: one.reasons for one in decide(made, keep=keep, now=NOW)}
    assert stay == {"2": ("newest verified", "daily 1 of 1"), "1": (), "3": ("made last",)}
    stay = {one.name: one.reasons for one in decide(made[:2], keep=keep, now=NOW)}
    assert stay == {"2": ("newest verified", "daily 1 of 1"), "1": ()}
