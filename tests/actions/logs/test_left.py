"""What a rotation leaves, how it says so, and that the exporter's alert agrees."""

import datetime as dt
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from actions.logs.cut import put_aside, remove_empty
from actions.logs.folder import LogFolder
from actions.logs.holders import find_holders
from actions.logs.system import Holding, holding
from storekeeper.errors import AlreadyRunning
from storekeeper.files import Tree
from storekeeper.measure.log_records import read_records
from storekeeper.measure.log_rotations import LogRotations
from storekeeper.measure.logs import read_ages

DECEMBER = dt.datetime(2025, 12, 20, tzinfo=dt.UTC)


@contextmanager
def held(path: Path, *, mode: str = "a") -> Iterator[int]:
    """Let another process have a file open."""
    code = "import sys; f = open(sys.argv[1], sys.argv[2]); print(flush=True); sys.stdin.read()"
    with subprocess.Popen([sys.executable, "-c", code, path, mode], stdin=-1, stdout=-1) as process:
        assert process.stdout
        process.stdout.readline()
        yield process.pid
        process.communicate()


def due_since(keeper: Any, name: str) -> float | None:
    """Give since when a log is due, as the exporter asks."""
    with Tree(keeper.folder) as tree:
        files = {file.name: file for file in tree.walk()}
    rotations = LogRotations(keeper.config, area="logs", files=files.values(), now=keeper.now)
    with (keeper.folder / name).open("rb") as file:
        ages = read_ages(file, zone=dt.UTC, now=keeper.now)
    return rotations.due_since(files[name], ages=ages)


def test_a_rest_that_cannot_be_cut_is_said_once_and_not_overdue(make_logs: Callable[..., Any]) -> None:
    """One old line that a quiet process holds: a run names it, then neither plan nor alert ask again."""
    keeper = make_logs()
    path = keeper.write("security.log", "one", day="2025-09-05")
    assert dt.datetime(2025, 10, 1, tzinfo=dt.UTC).timestamp() == due_since(keeper, "security.log")
    with held(path) as pid:
        outcome = keeper.run()
        assert f"process {pid}" in outcome.summary
        assert "stay in it" in outcome.summary
        assert 0 == outcome.changed
        assert due_since(keeper, "security.log") is None
        plan = keeper.plan()
    assert plan.empty
    assert "was rotated in 2025_12" in plan.left[0].why
    keeper.now = dt.datetime(2026, 1, 1, tzinfo=dt.UTC)
    assert due_since(keeper, "security.log") is not None
    keeper.run()
    assert "2025-09-05 10:00:00 one\n" == keeper.unpack("security_2025_09.log.gz")


def test_a_log_with_old_dates_at_the_front_is_rotated_once_a_month(make_logs: Callable[..., Any]) -> None:
    """A program logs what it imports, with the dates of that: nobody rotates it daily for it."""
    keeper = make_logs()
    keeper.write("import.log", "an order", day="2019-03-01")
    keeper.run()
    with (keeper.folder / "import.log").open("a") as log:
        log.write("2019-03-01 10:00:00 another order\n")
    assert keeper.plan().empty
    assert due_since(keeper, "import.log") is None
    keeper.now = dt.datetime(2026, 1, 1, tzinfo=dt.UTC)
    assert not keeper.plan().empty


def test_another_file_of_the_same_name_is_due_by_its_own_lines(make_logs: Callable[..., Any]) -> None:
    """What was noted of a log counts for that very file."""
    keeper = make_logs()
    keeper.write("django.log", "one")
    keeper.run()
    (keeper.folder / "django.log").rename(keeper.folder / "other.txt")
    keeper.write("django.log", "two")
    assert ["django.log"] == [log.name for log in keeper.plan().logs]


def test_a_note_of_a_clock_that_was_ahead_does_not_count(make_logs: Callable[..., Any]) -> None:
    """A run by a clock of next year does not make this month's logs wait for it."""
    keeper = make_logs()
    path = keeper.write("django.log", "one", day="2025-11-30")
    with held(path):
        keeper.now = dt.datetime(2026, 12, 1, tzinfo=dt.UTC)
        keeper.run()
    keeper.now = DECEMBER
    assert ["django.log"] == [log.name for log in keeper.plan().logs]


def test_without_notes_logs_are_due_by_their_lines(make_logs: Callable[..., Any]) -> None:
    """A damaged or missing file of notes stops nothing."""
    keeper = make_logs()
    keeper.write("django.log", "one")
    for content in ("", "{}", "[]", '{"handled": {"a": 1}, "runs": []}'):
        keeper.config.state.mkdir(exist_ok=True)
        (keeper.config.state / "logs.json").write_text(content)
        assert not keeper.plan().empty
    keeper.run()
    assert ["logs/django.log"] == list(read_records(keeper.config.state).handled)


def test_a_rotation_that_fails_is_not_noted(make_logs: Callable[..., Any]) -> None:
    """The log is due until some run has done it."""
    keeper = make_logs()
    keeper.write("django.log", "one")
    keeper.make_archive("django_2025_11.log.gz", day="2025-11-30")
    archive = keeper.folder / "django_2025_11.log.gz"
    content = archive.read_bytes()
    archive.write_bytes(content[:-8] + bytes(8))
    with pytest.raises(Exception, match="damaged"):
        keeper.run()
    assert not keeper.plan().empty
    assert due_since(keeper, "django.log") is not None


def test_closed_files_do_not_stay_behind_empty(make_logs: Callable[..., Any]) -> None:
    """Neither those that are archived now nor those that earlier runs left; the log itself stays."""
    keeper = make_logs({"a.log": "TimedRotatingFileHandler", "b.log": "RotatingFileHandler"})
    keeper.write("a.log.2025-11-01", "one", day="2025-11-01")
    keeper.write("b.log.1", "two", day="2025-11-01")
    for name in ("a.log.2025-10-31", "b.log.2", "a.log", "b.log", "c.log.1"):
        (keeper.folder / name).touch()
    assert 2 == len(keeper.plan().empties)
    keeper.run()
    assert ["a.log", "a_2025_11.log.gz", "b.log", "b_2025_11.log.gz", "c.log.1"] == keeper.names()


def test_closed_files_that_a_namer_called_otherwise_are_known(make_logs: Callable[..., Any]) -> None:
    """a.1.log and b.2025-11-01.log belong to rotating handlers, c.2025-11-01.log to none that is known."""
    keeper = make_logs({"a.log": "RotatingFileHandler", "b.log": "TimedRotatingFileHandler"})
    for name in ("a.1.log", "a-2.log", "b.2025-11-01.log", "b_20251102.log", "c.2025-11-01.log"):
        keeper.write(name, name)
    keeper.run()
    assert [
        "a_2025_11.log.gz",
        "b_2025_11.log.gz",
        "c.2025-11-01.log",
        "c.2025-11-01_2025_11.log.gz",
    ] == keeper.names()
    assert ["a-2.log", "a.1.log"] == [
        line.split()[-1] for line in keeper.unpack("a_2025_11.log.gz").splitlines()
    ]


def test_an_empty_closed_file_that_a_process_has_open_stays(make_logs: Callable[..., Any]) -> None:
    """Another process of the shop may still write to it; what it writes is archived by a later run."""
    keeper = make_logs({"b.log": "RotatingFileHandler"})
    path = keeper.folder / "b.log.1"
    path.touch()
    code = "import sys; f = open(sys.argv[1], 'a'); print(flush=True); sys.stdin.read(); f.write('late\\n')"
    with subprocess.Popen([sys.executable, "-c", code, path], stdin=-1, stdout=-1) as process:
        assert process.stdout
        process.stdout.readline()
        keeper.run()
        process.communicate()
    keeper.run()
    (archive,) = keeper.names()
    assert "late\n" == keeper.unpack(archive)


def test_names_beside_the_logs_are_listed_with_the_way_to_include_them(make_logs: Callable[..., Any]) -> None:
    """access_log, app.txt and audit.json are named; with logs.include they are rotated under their names."""
    keeper = make_logs()
    for name in ("access_log", "app.txt", "web/audit.json", "other.log.1", "packed.log.gz", ".hidden"):
        keeper.write(name, "one")
    plan = keeper.plan()
    assert plan.empty
    told = {left.name: left.why for left in plan.left}
    assert {"access_log", "app.txt", "web/audit.json", "other.log.1"} <= set(told)
    assert 'logs: {include: ["app.txt"]}' in told["app.txt"]
    assert "neither rotates nor removes" in told["packed.log.gz"]
    assert "put away by another program" in told["other.log.1"]
    keeper = make_logs(more='logs: {include: ["*_log", "*.txt", "web/*.json"]}')
    keeper.run()
    assert {"access_log_2025_11.gz", "app.txt_2025_11.gz", "web/audit.json_2025_11.gz"} <= set(keeper.names())
    assert "2025-11-30 10:00:00 one\n" == keeper.unpack("access_log_2025_11.gz")
    for name in ("access_log_2025_11.gz", "app.txt_2025_11.gz"):
        keeper.date(name, "2025-12-01")
    keeper.now = dt.datetime(2026, 6, 1, tzinfo=dt.UTC)
    assert {"access_log_2025_11.gz", "app.txt_2025_11.gz"} <= {file.name for _, file in keeper.plan().expired}


def test_logs_that_are_reached_by_links_or_lie_elsewhere_are_named(
    tmp_path: Path, make_logs: Callable[..., Any]
) -> None:
    """A link is not followed, a log outside the area not rotated; each is listed with a way to include it."""
    outside = tmp_path / "elsewhere"
    outside.mkdir()
    (outside / "django.log").write_text("2025-11-01 10:00:00 one\n")
    keeper = make_logs({"../elsewhere/django.log": "FileHandler"})
    (keeper.folder / "link.log").symlink_to(outside / "django.log")
    told = {left.name: left.why for left in keeper.plan(now=True).left}
    assert f"path: {outside}" in told["link.log"]
    assert f"path: {outside}" in told[str(keeper.folder / "../elsewhere/django.log").replace("logs/../", "")]


def test_two_shops_with_one_folder_of_logs_do_not_rotate_at_once(
    tmp_path: Path, make_logs: Callable[..., Any]
) -> None:
    """The second says so and changes nothing, whatever its state folder; later it finds the folder free."""
    first = make_logs()
    second = make_logs(state=tmp_path / "second")
    path = first.write("django.log", "one")
    with LogFolder(first.folder) as folder:
        folder.lock()
        with pytest.raises(AlreadyRunning, match="another storekeeper"):
            second.run()
    assert "one" in path.read_text()
    second.run()
    assert "2025-11-30 10:00:00 one\n" == second.unpack("django_2025_11.log.gz")


def test_who_holds_a_file_is_known(tmp_path: Path) -> None:
    """By the kernel's lease, and by the processes themselves, with the place that they write to."""
    path = tmp_path / "a.log"
    path.touch()
    with path.open("r+b") as file:
        assert Holding.FREE is holding(file)
        with held(path) as pid:
            assert Holding.HELD is holding(file)
            found, _ = find_holders(file)
            assert [(pid, False)] == [(one.pid, one.elsewhere) for one in found]
            assert str(found[0]).startswith(f"process {pid} (python")
        with held(path, mode="r+") as pid:
            assert [(pid, True)] == [(one.pid, one.elsewhere) for one in find_holders(file)[0]]


def test_without_leases_the_processes_are_looked_at(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Another user's file, some filesystems: who has it open is found among the processes."""
    monkeypatch.setattr("actions.logs.system._take_lease", lambda file: False)
    monkeypatch.setattr("actions.logs.system._lease_is_refused", lambda file: False)
    path = tmp_path / "a.log"
    path.touch()
    with path.open("r+b") as file:
        assert Holding.HELD is not holding(file)
        with held(path):
            assert Holding.HELD is holding(file)


def test_a_name_that_is_taken_is_not_replaced(tmp_path: Path) -> None:
    """A file is put aside under a free name, or not at all."""
    for name in ("a.log.1", "a.log.1.rotating"):
        (tmp_path / name).write_text(name)
    with LogFolder(tmp_path) as folder:
        assert put_aside(folder, "a.log.1") is None
        assert "a.log.1.rotating" == (tmp_path / "a.log.1.rotating").read_text()
        assert not remove_empty(folder, "a.log.1")
        (tmp_path / "a.log.1.rotating").unlink()
        assert "a.log.1.rotating" == put_aside(folder, "a.log.1")
    assert "a.log.1" == (tmp_path / "a.log.1.rotating").read_text()


def test_where_nobody_can_tell_a_renamed_file_stays(
    make_logs: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without leases, and with processes that cannot be seen, no time is long enough to remove a file."""
    monkeypatch.setattr("actions.logs.system._take_lease", lambda file: False)
    monkeypatch.setattr("actions.logs.system._lease_is_refused", lambda file: False)
    monkeypatch.setattr("actions.logs.system.find_holders", lambda file: ([], False))
    with tempfile.TemporaryDirectory(dir="/dev/shm") as folder:
        keeper = make_logs({"orders.log": "WatchedFileHandler"}, folder=Path(folder))
        keeper.write("orders.log", "one")
        for days in (0, 10, 400):
            keeper.now = DECEMBER + dt.timedelta(days=days)
            assert "not known whether a process has it open" in keeper.run().summary
        assert "one" in (keeper.folder / "orders.log.rotating").read_text()
        # All processes can be seen, and none has it.
        monkeypatch.setattr("actions.logs.system.find_holders", lambda file: ([], True))
        keeper.run()
        assert "one" in keeper.unpack("orders_2025_11.log.gz")


def test_a_foreign_partial_file_is_not_swept(make_logs: Callable[..., Any]) -> None:
    """What a killed run of ours has left goes; a file of another program with such a name does not."""
    keeper = make_logs()
    theirs = keeper.folder / ".django_2025_11.log.gz.partial"
    theirs.write_bytes(b"theirs")
    ours = keeper.folder / ".storekeeper-django_2025_11.log.gz.partial"
    ours.write_bytes(b"ours")
    keeper.write("django.log", "one")
    keeper.run()
    assert theirs.exists()
    assert not ours.exists()
    assert os.path.getsize(keeper.folder / "django_2025_11.log.gz") > 0
