"""Log rotation beside processes that write: no line is lost and none doubled."""

import datetime as dt
import gzip
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from actions.rotate_logs import RotateLogs
from storekeeper.measure.log_records import read_records
from tests.actions.logs.conftest import NOW


def rotate_while_they_write(keeper: Any, writers: Any, **options: Any) -> list[Any]:
    """Rotate again and again until all lines are written; give the outcomes."""
    action = RotateLogs(patience_seconds=0.2)
    outcomes = []
    while writers.running():
        outcomes.append(keeper.run(action, now=True, **options))
    return outcomes


def test_four_writers_through_file_handlers_lose_and_double_no_line(
    make_logs: Callable[..., Any], start_writers: Callable[..., Any]
) -> None:
    """80,000 lines of four processes, cut many times meanwhile: each of them is there exactly once."""
    keeper = make_logs()
    writers = start_writers(keeper.folder / "django.log", handler="FileHandler")
    outcomes = rotate_while_they_write(keeper, writers)
    cuts = [one for outcome in outcomes for one in outcome.details["rotated"] if one["cut_bytes"]]
    assert {"collapse"} == {one["way"] for one in cuts}
    assert len(cuts) >= 3
    writers.leave()
    assert (0, 0) == writers.lost_and_doubled(keeper.everything("django"))
    assert [] == outcomes[-1].details["lines_may_be_lost"]


def test_four_writers_through_watched_file_handlers_lose_and_double_no_line(
    make_logs: Callable[..., Any], start_writers: Callable[..., Any]
) -> None:
    """The file is renamed under WatchedFileHandler, archived when all have let go, and no line is missing."""
    keeper = make_logs({"orders.log": "WatchedFileHandler"})
    writers = start_writers(keeper.folder / "orders.log", handler="WatchedFileHandler")
    outcomes = rotate_while_they_write(keeper, writers)
    assert len([outcome for outcome in outcomes if outcome.changed]) >= 3
    writers.leave()
    assert (0, 0) == writers.lost_and_doubled(keeper.everything("orders"))
    keeper.run(now=True)
    keeper.run(now=True)
    assert b"" == (keeper.folder / "orders.log").read_bytes()
    assert (0, 0) == writers.lost_and_doubled(keeper.everything("orders"))


def test_archives_and_log_are_the_written_bytes_in_their_order(
    make_logs: Callable[..., Any], start_writers: Callable[..., Any]
) -> None:
    """With one writer, archives and log one after the other are exactly what an unrotated log holds."""
    keeper = make_logs()
    writers = start_writers(keeper.folder / "django.log", writers=1, count=30_000)
    rotate_while_they_write(keeper, writers)
    writers.leave()
    numbers = [
        line.split(" line ")[1].split()[0] for line in keeper.everything("django").decode().splitlines()
    ]
    assert [f"{number:06d}" for number in range(30_000)] == numbers


def test_the_next_archive_begins_with_the_rest_of_the_line_that_was_cut(
    make_logs: Callable[..., Any], start_writers: Callable[..., Any]
) -> None:
    """A cut falls on a block's border: the archive holds the first blocks, the log exactly what follows."""
    keeper = make_logs()
    path = keeper.folder / "django.log"
    written = b"".join(b"2025-11-30 10:00:00 line %06d\n" % number for number in range(1000))
    path.write_bytes(written)
    with path.open("ab"):
        keeper.run(now=True)
    (archive,) = keeper.folder.glob("*.gz")
    archived = gzip.decompress(archive.read_bytes())
    assert 0 == len(archived) % 4096
    assert 64 <= len(path.read_bytes()) < 64 + 4096
    assert written == archived + path.read_bytes()


def test_a_log_that_nobody_has_open_is_emptied_as_a_whole(make_logs: Callable[..., Any]) -> None:
    """Also the last half block goes when no process has the file open."""
    keeper = make_logs()
    path = keeper.write("django.log", "one", "two")
    outcome = keeper.run()
    assert "whole" == outcome.details["rotated"][0]["way"]
    assert b"" == path.read_bytes()
    assert "2025-11-30 10:00:00 one\n2025-11-30 10:00:00 two\n" == keeper.unpack("django_2025_11.log.gz")


def test_a_short_log_that_is_open_stays_and_is_told(make_logs: Callable[..., Any]) -> None:
    """Less than a block cannot be cut from under a writer, so it stays, and the outcome says so."""
    keeper = make_logs()
    path = keeper.write("django.log", "one")
    with path.open("ab"):
        outcome = keeper.run()
    assert 0 == outcome.changed
    assert "less than a block" in outcome.summary
    assert ["django.log"] == keeper.names()


def test_a_writer_that_does_not_append_is_left_alone(make_logs: Callable[..., Any]) -> None:
    """A file that is open with mode 'w' would get a hole; it stays untouched, and the outcome says why."""
    keeper = make_logs()
    path = keeper.folder / "django.log"
    code = "import sys; f = open(sys.argv[1], 'w'); f.write('2025-11-30 x\\n' * 999)"
    code += "; f.flush(); print(); input()"
    with subprocess.Popen([sys.executable, "-c", code, path], stdin=-1, stdout=-1) as process:
        assert process.stdout
        process.stdout.readline()
        outcome = keeper.run(now=True)
        process.communicate(b"\n")
    assert 999 * 13 == path.stat().st_size
    assert "without appending" in outcome.summary
    assert ["django.log"] == keeper.names()


def test_a_renamed_log_waits_for_a_process_that_still_has_it_open(make_logs: Callable[..., Any]) -> None:
    """Where nothing can be cut (tmpfs), the old file is kept as long as a process has it open."""
    with tempfile.TemporaryDirectory(dir="/dev/shm") as folder:
        keeper = make_logs({"orders.log": "WatchedFileHandler"}, folder=Path(folder))
        path = keeper.write("orders.log", "one")
        with path.open("a") as writer:
            keeper.run()
            for days in (0, 2, 400):
                keeper.now = NOW + dt.timedelta(days=days)
                assert "next run" in keeper.run().summary
                assert ["orders.log", "orders.log.rotating"] == keeper.names()
            writer.write("2025-11-30 10:00:00 late\n")
        keeper.now = NOW
        keeper.date("orders.log.rotating", "2025-11-30")
        keeper.run()
        assert ["orders.log", "orders_2025_11.log.gz"] == keeper.names()
        assert "2025-11-30 10:00:00 one\n2025-11-30 10:00:00 late\n" == keeper.unpack("orders_2025_11.log.gz")


def test_a_watched_log_with_a_second_quiet_writer_loses_no_line(make_logs: Callable[..., Any]) -> None:
    """A supervisor keeps the file that it has opened: it is never renamed away from it."""
    keeper = make_logs({"orders.log": "WatchedFileHandler"})
    path = keeper.write("orders.log", "one")
    with path.open("ab", buffering=0) as supervisor:
        for days in (0, 1, 2, 400):
            keeper.now = NOW + dt.timedelta(days=days)
            keeper.run()
            assert ["orders.log"] == keeper.names()
        supervisor.write(b"2025-11-30 10:00:00 payment\n")
    keeper.run(now=True)
    lines = keeper.everything("orders").decode().splitlines()
    assert ["one", "payment"] == [line.split()[-1] for line in lines]


def test_a_log_waits_until_its_older_part_is_archived(make_logs: Callable[..., Any]) -> None:
    """While the old file of a log is held, the new one keeps its lines: they come behind those."""
    with tempfile.TemporaryDirectory(dir="/dev/shm") as folder:
        keeper = make_logs({"orders.log": "WatchedFileHandler"}, folder=Path(folder))
        path = keeper.write("orders.log", "one")
        with path.open("a"):
            keeper.run()
            keeper.write("orders.log", "two")
            assert "an older part of it must be archived first" in keeper.run(now=True).summary
            assert "two" in path.read_text()
        keeper.run(now=True)
        lines = keeper.unpack("orders_2025_11.log.gz").splitlines()
        assert ["one", "two"] == [line.split()[-1] for line in lines]


def test_without_collapse_it_copies_truncates_and_tells_the_risk(
    make_logs: Callable[..., Any], start_writers: Callable[..., Any]
) -> None:
    """On a filesystem that cannot collapse (tmpfs), a log in use is truncated and the loss is announced."""
    with tempfile.TemporaryDirectory(dir="/dev/shm") as folder:
        keeper = make_logs(folder=Path(folder))
        path = keeper.write("django.log", *("line" for _ in range(100)))
        with path.open("a") as writer:
            outcome = keeper.run()
            writer.write("2025-12-01 00:06:00 after\n")
        assert ["django.log"] == outcome.details["lines_may_be_lost"]
        assert "may be lost" in outcome.summary
        assert "2025-12-01 00:06:00 after\n" == path.read_text()
        assert 100 == len(keeper.unpack("django_2025_11.log.gz").splitlines())


@pytest.mark.parametrize("stays", [True, False], ids=["stays", "goes"])
@pytest.mark.parametrize(
    ("name", "handler"),
    [
        ("orders.log", "FileHandler"),
        ("orders.log", "WatchedFileHandler"),
        ("orders.log.1", "RotatingFileHandler"),
    ],
)
def test_a_process_that_comes_in_the_last_moment_loses_no_line(
    name: str, handler: str, stays: bool, make_logs: Callable[..., Any]
) -> None:
    """Somebody writes to the file after it was packed, right before the cut, and closes it or not."""
    keeper = make_logs({"orders.log": handler})
    keeper.write(name, "one", "two")
    writers = []

    def write_late(stage: str) -> None:
        aside = keeper.folder / f"{name}.rotating"
        if stage == "noted" and not writers:
            writers.append((aside if aside.exists() else keeper.folder / name).open("a"))
            writers[0].write("2025-11-30 10:00:00 late\n")
            writers[0].flush()
            if not stays:
                writers[0].close()

    keeper.run(RotateLogs(stage=write_late, patience_seconds=0))
    writers[0].close()
    keeper.run(now=True)
    assert ["one", "two", "late"] == [
        line.split()[-1] for line in keeper.unpack("orders_2025_11.log.gz").splitlines()
    ]
    assert not name.endswith(".log") or b"" == (keeper.folder / name).read_bytes()


def test_a_log_that_somebody_else_changed_meanwhile_is_not_cut(make_logs: Callable[..., Any]) -> None:
    """Another rotation emptied the log after it was packed: what was written since is not cut off."""
    keeper = make_logs()
    path = keeper.write("django.log", *("old" for _ in range(1000)))
    size = path.stat().st_size

    def rotate_elsewhere(stage: str) -> None:
        if stage == "noted":
            path.write_bytes(b"2025-12-01 new\n" * (size // 15 + 1000))

    with path.open("ab"):
        keeper.run(RotateLogs(stage=rotate_elsewhere, patience_seconds=0))
    assert b"2025-12-01 new\n" * (size // 15 + 1000) == path.read_bytes()
    assert ["django.log"] == keeper.names()
    assert {} == read_records(keeper.config.state).handled


def test_a_log_that_is_opened_in_the_last_moment_is_not_emptied(make_logs: Callable[..., Any]) -> None:
    """Who has it open may write at any moment, also between the last look and the cut."""
    keeper = make_logs()
    path = keeper.write("django.log", "one")
    writers = []

    def open_late(stage: str) -> None:
        if stage == "noted":
            writers.append(path.open("a"))

    keeper.run(RotateLogs(stage=open_late, patience_seconds=0))
    assert "2025-11-30 10:00:00 one\n" == path.read_text()
    assert ["django.log"] == keeper.names()
    writers[0].close()
