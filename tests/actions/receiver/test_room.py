"""What makes room comes first, what writes much only when there is room, and a full disk keeps a reserve."""

import datetime as dt
import subprocess
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from actions.action import Context, Outcome
from actions.backups.manifest import write_manifest
from actions.ledger.history import find_run
from actions.ledger.ledger import Ledger
from actions.ledger.rows import NewRun, NewStep
from actions.ledger.schema import Trigger
from actions.receiver.emergency import may_wait
from actions.receiver.reserve import Reserve
from actions.receiver.worker import Worker
from storekeeper.backups import Manifest
from storekeeper.config import Config
from storekeeper.errors import AlreadyRunning
from storekeeper.files import ResourceLock
from storekeeper.measure.resources import Resource
from storekeeper.measure.usage import Usage


class Disk:
    """A disk whose use the test sets, in percent; it stands where the reader of real disks does."""

    def __init__(self) -> None:
        self.percent = 97

    def read(self, resource: Resource) -> Usage:
        return Usage(used_bytes=self.percent, capacity_bytes=100)


class Freeing:
    """An action that changes the disk by so many percent."""

    summary = "Change the disk."

    def __init__(self, name: str, disk: Disk, sample: ModuleType, *, percent: int) -> None:
        self.name = name
        self.Options = sample.Names
        self.disk = disk
        self.percent = percent

    def resources(self, config: Config, options: Any) -> tuple[str, ...]:
        return ("media",)

    def plan(self, context: Context, options: Any) -> Any:
        return None

    def perform(self, context: Context, options: Any, plan: Any) -> Outcome:
        self.disk.percent += self.percent
        return Outcome(summary=f"now {self.disk.percent}")


@pytest.fixture
def disk() -> Disk:
    """A disk at 97 %."""
    return Disk()


@pytest.fixture
def make_worker(
    config: Config, ledger: Ledger, clock: Any, disk: Disk, sample_actions: ModuleType
) -> Callable[..., Worker]:
    """A factory: ``make_worker(clean=-10, backup_database=2)`` knows these actions and what they change."""

    def make(**actions: int) -> Worker:
        known: dict[str, Any] = {
            name: Freeing(name, disk, sample_actions, percent=percent) for name, percent in actions.items()
        }
        usage: Any = disk
        return Worker(
            ledger, config=config, actions=known, usage=usage, stopping=lambda: False, pause=lambda _: None,
            now=clock,
        )  # fmt: skip

    return make


def carry_out(
    worker: Worker,
    ledger: Ledger,
    *actions: str,
    until_below: float | None = 0.85,
    alertname: str = "",
    resource: str = "disk:/",
) -> Any:
    """Accept a run of an alert with these steps, carry it out to its end, and give it as JSON."""
    run = ledger.accept(
        NewRun(
            trigger=Trigger.ALERT,
            who="Alertmanager",
            steps=[NewStep(action=action) for action in actions],
            alertname=alertname,
            resource=resource,
            until_below=until_below,
        )
    )
    assert run is not None
    for position in range(len(actions)):
        if worker.carry_out(run, position).value == "stop":
            break
    return find_run(ledger.file, run)


def test_room_is_made_before_anything_is_written(make_worker: Callable[..., Worker], ledger: Ledger) -> None:
    """A backup that stands first is passed over, cleaning ends when there is enough, then it is backed up."""
    worker = make_worker(backup_media=1, clean=-8, clean_more=-8, clean_all=-50, backup_database=1)
    run = carry_out(
        worker, ledger, "backup_media", "clean", "clean_more", "clean_all", "backup_database"
    )  # fmt: skip
    assert ["skipped", "done", "done", "skipped", "done"] == [step["state"] for step in run["steps"]]
    assert ("done", "5 steps: 3 done, 1 not needed, 1 without room; 0 B freed") == (
        run["state"],
        run["summary"],
    )


def test_nothing_is_done_where_there_is_nothing_to_do(
    make_worker: Callable[..., Worker], ledger: Ledger, disk: Disk
) -> None:
    """Measured below the mark before the first step, a run takes nothing away and writes nothing."""
    disk.percent = 84
    run = carry_out(make_worker(clean=-10, backup_database=1), ledger, "clean", "backup_database")
    assert ("done", ["skipped", "skipped"]) == (run["state"], [step["state"] for step in run["steps"]])
    assert 84 == disk.percent


@pytest.mark.parametrize(
    ("alertname", "percent", "expected"),
    [
        ("StorageUsageWarning", 74, "skipped"),
        ("StorageUsageWarning", 76, "done"),
        ("StorageUsageCritical", 84, "skipped"),
        ("StorageUsageCritical", 86, "done"),
        ("StorageUsageEmergency", 89, "skipped"),
        ("StorageUsageEmergency", 91, "done"),
        ("ExpiredQRCodesPileUp", 10, "done"),
    ],
)
def test_alert_that_is_over_starts_nothing(
    make_worker: Callable[..., Worker],
    ledger: Ledger,
    disk: Disk,
    alertname: str,
    percent: int,
    expected: str,
) -> None:
    """A playbook without a mark of its own does nothing below the usage at which its alert ends."""
    disk.percent = percent
    run = carry_out(make_worker(clean=-1), ledger, "clean", until_below=None, alertname=alertname)
    assert [expected] == [step["state"] for step in run["steps"]]


def test_backup_that_is_fresh_is_not_made_again(
    make_worker: Callable[..., Worker], ledger: Ledger, config: Config, clock: Any, disk: Disk
) -> None:
    """BackupTooOld about a shop whose backup is of today starts none; a damaged, an old or no backup does."""
    disk.percent = 50
    config.backups.path.mkdir(parents=True)
    worker = make_worker(backup_database=1)

    def states(name: str, *, hours_old: float, size_bytes: int) -> list[str]:
        path = config.backups.path / name
        path.write_bytes(b"x" * 10)
        manifest = Manifest(
            file=name,
            created=clock() - dt.timedelta(hours=hours_old),
            shop=config.shop,
            database="default",
            format="json",
            sha256="",
            size_bytes=size_bytes,
        )
        write_manifest(path, manifest)
        run = carry_out(
            worker, ledger, "backup_database", until_below=None, alertname="BackupTooOld", resource="database"
        )
        path.unlink()
        return [step["state"] for step in run["steps"]]

    assert ["skipped"] == states("db_backup_20260503_100000.json", hours_old=25, size_bytes=10)
    assert ["done"] == states("db_backup_20260502_090000.json", hours_old=27, size_bytes=10)
    assert ["done"] == states("db_backup_20260503_110000.json", hours_old=1, size_bytes=11)


def test_cleaning_in_vain_fails_and_calls_a_person(
    make_worker: Callable[..., Worker], ledger: Ledger
) -> None:
    """A run that ends above its mark has failed, though each step is done, and says what is to be done."""
    run = carry_out(make_worker(clean=-1, backup_database=1), ledger, "clean", "backup_database")
    assert ("failed", ["done", "skipped"]) == (run["state"], [step["state"] for step in run["steps"]])
    assert run["error"].startswith("disk:/ is still 96.0% full, not below 85%")
    assert "a person must make room" in run["error"]


def test_backup_waits_for_room_without_a_thread(
    make_worker: Callable[..., Worker], ledger: Ledger, disk: Disk
) -> None:
    """On a full disk an automatic backup is not begun, a person's is, and it begins when there is room."""
    worker = make_worker(backup_database=1)
    ids = [
        ledger.accept(NewRun(trigger=trigger, who="a", steps=[NewStep(action="backup_database")]))
        for trigger in (Trigger.ALERT, Trigger.SCHEDULE, Trigger.API)
    ]
    runs = [ledger.run(str(run)) for run in ids]
    assert [False, False, True] == [worker.may_begin(run) for run in runs if run]
    disk.percent = 94
    assert [True, True, True] == [worker.may_begin(run) for run in runs if run]


def test_disk_that_fills_up_during_a_run_stops_it(make_worker: Callable[..., Worker], ledger: Ledger) -> None:
    """A later step that writes much fails on a disk that has filled up since the run began."""
    run = carry_out(
        make_worker(grow=0, backup_database=1), ledger, "grow", "backup_database", until_below=None
    )
    assert ("failed", ["done", "failed"]) == (run["state"], [step["state"] for step in run["steps"]])
    assert "backup_database waits for room" in run["error"]


def test_reserve_is_given_up_when_the_disk_is_full(tmp_path: Path) -> None:
    """With plenty of room it is taken, with little it is neither taken nor given up, with none it goes."""
    free = 10_000_000
    reserve = Reserve(tmp_path, size_bytes=1_000_000, free=lambda _: free)
    reserve.tend()
    assert 1_000_000 == reserve.path.stat().st_size
    assert reserve.path.stat().st_blocks * 512 >= 1_000_000
    free = 300_000
    reserve.tend()
    assert reserve.path.exists()
    free = 200_000
    reserve.tend()
    assert not reserve.path.exists()
    free = 5_000_000
    reserve.tend()
    assert not reserve.path.exists()


@pytest.fixture
def full_folder(tmp_path: Path) -> Iterator[Path]:
    """A filesystem of its own without a free byte."""
    folder = tmp_path / "full"
    folder.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", folder], check=True)
    with suppress(OSError):
        (folder / "ballast").write_bytes(bytes(100_000))
    yield folder
    subprocess.run(["umount", "--lazy", folder], check=True)


def test_lock_holds_on_a_full_disk(full_folder: Path) -> None:
    """Who holds a lock cannot be written down on a full disk; what makes room begins all the same."""
    with ResourceLock(full_folder, resource="media", purpose="a cleanup"):
        assert b"" == (full_folder / "media.lock").read_bytes()
        with pytest.raises(AlreadyRunning), ResourceLock(full_folder, resource="media", purpose="another"):
            pass
    with ResourceLock(full_folder, resource="media", purpose="the next"):
        pass


@pytest.mark.parametrize(("percent", "expected"), [(97, "waiting"), (50, "done")])
def test_waits_for_an_approval_only_while_there_is_no_room(
    config: Config, ledger: Ledger, clock: Any, disk: Disk, sample_actions: ModuleType,
    percent: int, expected: str,
) -> None:  # fmt: skip
    """A run that makes room needs no approval any more as soon as there is room."""
    careful = Freeing("careful", disk, sample_actions, percent=percent - disk.percent)
    perform = careful.perform
    careful.perform = lambda *each: replace(perform(*each), waits_for="2 files")  # type: ignore[method-assign]
    usage: Any = disk
    worker = Worker(
        ledger, config=config, actions={"careful": careful}, usage=usage, stopping=lambda: False,
        pause=lambda _: None, now=clock,
    )  # fmt: skip
    step = NewStep(action="careful")
    run = ledger.accept(
        NewRun(trigger=Trigger.ALERT, who="a", steps=[step], resource="disk /", until_below=0.85)
    )
    assert run is not None
    worker.carry_out(run, 0)
    found = find_run(ledger.file, run)
    assert found is not None
    assert (expected, expected) == (found["state"], found["steps"][0]["state"])


def test_emergency_waits_for_no_approval(ledger: Ledger) -> None:
    """A run that waits would keep the next one of its playbook from making room."""
    run = ledger.accept(NewRun(trigger=Trigger.ALERT, who="a", steps=[NewStep(action="x")]))
    assert run is not None
    begun = ledger.run(run)
    assert begun is not None
    assert may_wait(begun)
    assert may_wait(replace(begun, level="critical"))
    assert not may_wait(replace(begun, level="emergency"))
    assert not may_wait(replace(begun, dry_run=True))
