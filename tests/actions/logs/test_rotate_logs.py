"""Which logs are rotated, what becomes of their archives, and what is left alone."""

import datetime as dt
import os
import stat
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from actions.action import Context
from actions.rotate_logs import RotateLogs
from storekeeper.config import parse_config
from storekeeper.errors import BackupRefused, OverBudget, StorekeeperError
from storekeeper.shop import Shop


def test_archives_under_the_name_of_the_guide(make_logs: Callable[..., Any]) -> None:
    """django.log of November becomes django_2025_11.log.gz beside it, in every folder of the area."""
    keeper = make_logs()
    keeper.write("django.log", "one")
    keeper.write("web/ឯកសារ.log", "two")
    outcome = keeper.run()
    assert [
        "django.log",
        "django_2025_11.log.gz",
        "web/ឯកសារ.log",
        "web/ឯកសារ_2025_11.log.gz",
    ] == keeper.names()
    assert "2025-11-30 10:00:00 two\n" == keeper.unpack("web/ឯកសារ_2025_11.log.gz")
    assert {"django_2025_11.log.gz", "ឯកសារ_2025_11.log.gz"} == {path.name for path in outcome.created}
    assert 2 == outcome.changed


def test_a_log_of_this_month_is_not_due_unless_asked_for(make_logs: Callable[..., Any]) -> None:
    """Lines of the present month stay, with --now or --over the log goes all the same."""
    keeper = make_logs()
    keeper.write("django.log", "one", day="2025-12-01")
    assert keeper.plan().empty
    assert keeper.plan(over="1MB").empty
    assert ["over 10 B"] == [log.why for log in keeper.plan(over="10B").logs]
    assert not keeper.plan(now=True).empty
    keeper.run(now=True)
    assert ["django.log", "django_2025_12.log.gz"] == keeper.names()


@pytest.mark.parametrize(
    ("rotate", "day", "archive"),
    [("weekly", "2025-11-30", "a_2025_W48.log.gz"), ("daily", "2025-11-30", "a_2025_11_30.log.gz")],
)
def test_other_periods_have_their_own_names(
    rotate: str, day: str, archive: str, make_logs: Callable[..., Any]
) -> None:
    """Weekly and daily rotation name the week and the day."""
    keeper = make_logs(more=f"logs: {{rotate: {rotate}}}")
    keeper.write("a.log", "one", day=day)
    keeper.run()
    assert ["a.log", archive] == keeper.names()


def test_lines_without_dates_are_filed_by_the_time_of_the_file(make_logs: Callable[..., Any]) -> None:
    """Nobody knows when the first of them was written: they go at the first run, then once a month."""
    keeper = make_logs()
    path = keeper.folder / "plain.log"
    path.write_text("no date at all\n")
    november = dt.datetime(2025, 11, 20, tzinfo=dt.UTC).timestamp()
    os.utime(path, (november, november))
    keeper.run()
    assert ["plain.log", "plain_2025_11.log.gz"] == keeper.names()
    archived = dt.datetime(2025, 12, 1, tzinfo=dt.UTC).timestamp()
    os.utime(keeper.folder / "plain_2025_11.log.gz", (archived, archived))
    path.write_text("again\n")
    assert keeper.plan().empty
    keeper.now = dt.datetime(2026, 1, 1, tzinfo=dt.UTC)
    assert not keeper.plan().empty


def test_what_comes_to_a_month_later_is_added_to_its_archive(make_logs: Callable[..., Any]) -> None:
    """Unpacking the archive gives the first part, then the second."""
    keeper = make_logs()
    for word in ("one", "two"):
        keeper.write("django.log", word)
        keeper.run(now=True)
    assert "2025-11-30 10:00:00 one\n2025-11-30 10:00:00 two\n" == keeper.unpack("django_2025_11.log.gz")


def test_a_damaged_archive_is_not_added_to(make_logs: Callable[..., Any]) -> None:
    """Behind a damaged part nobody could read the new lines, so the log stays as it is."""
    keeper = make_logs()
    path = keeper.write("django.log", "one")
    archive = keeper.make_archive("django_2025_11.log.gz", day="2025-11-30")
    whole = archive.read_bytes()
    damaged = whole[:-8] + bytes(byte ^ 255 for byte in whole[-8:])
    archive.write_bytes(damaged)
    with pytest.raises(BackupRefused, match="damaged"):
        keeper.run()
    assert "2025-11-30 10:00:00 one\n" == path.read_text()
    assert damaged == (keeper.folder / "django_2025_11.log.gz").read_bytes()


def test_archives_of_more_than_three_months_go(make_logs: Callable[..., Any]) -> None:
    """In December those of September, October and November stay; other files are never touched."""
    keeper = make_logs()
    for month in ("2024_12", "2025_07", "2025_08", "2025_09", "2025_10"):
        keeper.make_archive(f"django_{month}.log.gz", day=f"{month.replace('_', '-')}-28")
    (keeper.folder / "dump_2024_01.sql.gz").write_bytes(b"mine")
    keeper.write("django.log", "one")
    outcome = keeper.run()
    assert [f"django_{month}.log.gz" for month in ("2025_09", "2025_10", "2025_11")] == [
        name for name in keeper.names() if name.startswith("django_")
    ]
    assert "dump_2024_01.sql.gz" in keeper.names()
    assert 3 * 6 < outcome.freed_bytes
    assert ["django_2024_12.log.gz", "django_2025_07.log.gz", "django_2025_08.log.gz"] == sorted(
        outcome.details["removed"]
    )


def test_keep_may_be_shorter_for_one_run(make_logs: Callable[..., Any]) -> None:
    """In an emergency a playbook asks for fewer months."""
    keeper = make_logs()
    keeper.make_archive("django_2025_10.log.gz", day="2025-10-31")
    assert keeper.plan().empty
    assert ["django_2025_10.log.gz"] == [file.name for _, file in keeper.plan(keep="1 month").expired]


def test_a_clock_far_ahead_removes_no_mass_of_archives(make_logs: Callable[..., Any]) -> None:
    """More archives than the budget allows are a person's matter."""
    keeper = make_logs(more="budget: {at_least: 1, files: 0.5}")
    for month in ("2025_10", "2025_11"):
        keeper.make_archive(f"django_{month}.log.gz", day="2025-11-30")
    keeper.now = dt.datetime(2050, 1, 1, tzinfo=dt.UTC)
    with pytest.raises(OverBudget, match="2 of the 2 files"):
        keeper.run()
    assert 2 == len(keeper.names())


def test_mode_and_owner_stay(make_logs: Callable[..., Any]) -> None:
    """The live file keeps its mode, also after a rename, and the archive is no more readable than the log."""
    keeper = make_logs({"orders.log": "WatchedFileHandler"})
    for name in ("django.log", "orders.log"):
        keeper.write(name, "one").chmod(0o640)
    keeper.run()
    modes = {name: stat.S_IMODE((keeper.folder / name).stat().st_mode) for name in keeper.names()}
    assert {0o640} == set(modes.values())
    assert ["django.log", "django_2025_11.log.gz", "orders.log", "orders_2025_11.log.gz"] == list(modes)


def test_files_that_a_rotating_handler_put_away_are_archived_oldest_first(
    make_logs: Callable[..., Any],
) -> None:
    """security.log.2 is older than security.log.1; neither stays behind empty."""
    keeper = make_logs({"security.log": "RotatingFileHandler"})
    for number in (1, 2, 10):
        keeper.write(f"security.log.{number}", f"number {number}")
    keeper.write("other.log.1", "not storekeeper's matter")
    keeper.run()
    words = [line.split()[-1] for line in keeper.unpack("security_2025_11.log.gz").splitlines()]
    assert ["10", "2", "1"] == words
    assert "2025-11-30 10:00:00 not storekeeper's matter\n" == (keeper.folder / "other.log.1").read_text()
    assert ["other.log.1", "security_2025_11.log.gz"] == keeper.names()
    assert keeper.plan().empty


def test_links_and_logs_dated_by_hand_are_left(tmp_path: Path, make_logs: Callable[..., Any]) -> None:
    """A symbolic link, a hard link and django_2025_10.log stay as they are, each with its reason."""
    keeper = make_logs()
    outside = tmp_path / "outside.log"
    outside.write_text("2025-11-01 outside\n")
    (keeper.folder / "link.log").symlink_to(outside)
    os.link(outside, keeper.folder / "hard.log")
    keeper.write("django_2025_10.log", "by hand")
    plan = keeper.plan(now=True)
    assert plan.empty
    assert {"link.log", "hard.log", "django_2025_10.log"} == {left.name for left in plan.left}
    assert "2025-11-01 outside\n" == outside.read_text()


def test_a_folder_that_became_a_link_after_the_plan_is_not_entered(
    tmp_path: Path, make_logs: Callable[..., Any]
) -> None:
    """Whoever swaps a folder between plan and run leads nobody outside the area."""
    keeper = make_logs()
    inside = keeper.write("web/django.log", "one").parent
    other = tmp_path / "other"
    other.mkdir()
    (other / "django.log").write_text("2025-11-01 other\n")
    action: Any = RotateLogs()
    plan = keeper.plan()
    inside.rename(tmp_path / "moved")
    inside.symlink_to(other)
    with pytest.raises(StorekeeperError, match="opened as a folder"):
        action.perform(keeper.context(), action.Options(), plan)
    assert "2025-11-01 other\n" == (other / "django.log").read_text()
    assert ["django.log"] == os.listdir(other)


def test_a_plan_changes_nothing_and_tells_itself(make_logs: Callable[..., Any]) -> None:
    """The plan names each log with its archive and its reason, and no file is made or changed."""
    keeper = make_logs({"orders.log": "WatchedFileHandler"})
    keeper.write("orders.log", "one")
    before = (keeper.names(), (keeper.folder / "orders.log").stat())
    plan = keeper.plan()
    assert before[0] == keeper.names()
    assert before[1].st_mtime_ns == (keeper.folder / "orders.log").stat().st_mtime_ns
    assert (
        "logs",
        "orders.log",
        "24 B",
        "rename",
        "orders_2025_11.log.gz",
        "it has lines before 2025-12-01",
    ) == plan.rows()[1]
    assert "orders_2025_11.log.gz" == plan.as_json()["logs"][0]["archive"]
    assert "1 logs (24 B) would be archived, 0 old archives (0 B) removed" == plan.summary


def test_a_real_shop_tells_its_handlers(make_shop: Callable[..., Any], tmp_path: Path) -> None:
    """The sample shop's LOGGING decides: orders.log is renamed, django.log and security.log cut in place."""
    shop = make_shop("sqlite", orders=None, copied=True)
    (shop.data / "logs").mkdir(exist_ok=True)
    for name in ("django", "security", "orders"):
        log = shop.data / "logs" / f"{name}.log"
        log.write_text("2020-01-01 10:00:00 INFO one\n")
        os.utime(log, (1577836800, 1577836800))
    text = (
        f"shop: test\nproject: {shop.project}\nstate: {tmp_path / 'state'}\nareas: {{logs: {{path: logs}}}}\n"
    )
    config = parse_config(text, name="test", folder=tmp_path, environment={})
    action: Any = RotateLogs(patience_seconds=0)
    context = Context(
        config=config, shop=Shop.of(config), now=lambda: dt.datetime.now(tz=dt.UTC), report=lambda _: None
    )
    plan = action.plan(context, action.Options())
    ways = {log.name: str(log.way) for log in plan.logs}
    assert {"django.log": "in place", "security.log": "in place", "orders.log": "rename"} == ways
    action.perform(context, action.Options(), plan)
    assert {"django_2020_01.log.gz", "orders_2020_01.log.gz", "security_2020_01.log.gz"} == {
        path.name for path in (shop.data / "logs").glob("*.gz")
    }


@pytest.mark.parametrize("handler", ["FileHandler", "WatchedFileHandler"])
def test_a_log_that_became_a_link_after_the_plan_is_not_followed(
    handler: str, tmp_path: Path, make_logs: Callable[..., Any]
) -> None:
    """Whoever puts a link in a log's place gets neither an archive of its target nor an emptied target."""
    keeper = make_logs({"django.log": handler})
    path = keeper.write("django.log", "one")
    outside = tmp_path / "outside.log"
    outside.write_text("2025-11-01 outside\n")
    action: Any = RotateLogs(patience_seconds=0)
    plan = keeper.plan()
    path.unlink()
    path.symlink_to(outside)
    with pytest.raises(StorekeeperError, match="symbolic link"):
        action.perform(keeper.context(), action.Options(), plan)
    assert "2025-11-01 outside\n" == outside.read_text()
    assert ["django.log"] == keeper.names()


def test_lines_without_dates_are_due_with_a_true_reason(make_logs: Callable[..., Any]) -> None:
    """Of lines that bear no dates nobody claims to know how old they are."""
    keeper = make_logs({"orders.log": "WatchedFileHandler"})
    (keeper.folder / "orders.log").write_text("no date here\n")
    (row,) = keeper.plan().rows()[1:]
    assert "its lines have no dates, and none was archived since 2025-12-01" == row[-1]
