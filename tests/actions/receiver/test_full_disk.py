"""The ledger on a disk that is full. Needs the right to mount a tmpfs, as a container's root has it."""

import contextlib
import os
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from actions.ledger.file import LedgerFile, LedgerUnavailable
from actions.ledger.ledger import Ledger
from actions.ledger.rows import NewRun, NewStep
from actions.ledger.schema import Trigger
from actions.runner import now_here

Make = Callable[..., dict[str, Any]]


@pytest.fixture
def small_disk(config_file: Path) -> Iterator[Path]:
    """The state folder as a filesystem of 2 MB."""
    state = config_file.with_name("state")
    state.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=2m", "tmpfs", state], check=True)
    yield state
    subprocess.run(["umount", "--lazy", state], check=True)


def fill(disk: Path) -> Path:
    """Use every byte that is left; give the file to remove."""
    ballast = disk / "ballast"
    with ballast.open("wb", buffering=0) as file:
        for size in (4096, 1):
            with contextlib.suppress(OSError):
                while True:
                    file.write(b"x" * size)
    return ballast


def test_answers_503_while_full_and_recovers(
    small_disk: Path, start_receiver: Callable[..., Any], alert: Make
) -> None:
    """While it cannot store it says so, so that Alertmanager comes again; with room it goes on by itself."""
    receiver = start_receiver()
    assert 200 == receiver.get("/-/ready").status_code
    ballast = fill(small_disk)
    answers = [
        receiver.send(
            *(alert("SomethingElse", number=str(number), words="w" * 3000) for number in range(300))
        )
        for _ in range(2)
    ]
    assert [503, 503] == [answer.status_code for answer in answers]
    assert 200 == receiver.get("/-/healthy").status_code
    stored = receiver.metric("storekeeper_alerts_received_total")
    ballast.unlink()
    assert 202 == receiver.send(alert("StorageUsageWarning", resource="media")).status_code
    assert 200 == receiver.get("/-/ready").status_code
    # The message that did not fit left nothing behind.
    assert (0, 1) == (stored, receiver.metric("storekeeper_alerts_received_total"))


def test_alertmanager_comes_again_until_there_is_room(
    small_disk: Path,
    start_receiver: Callable[..., Any],
    start_alertmanager: Callable[[str], Any],
    wait: Callable[..., Any],
) -> None:
    """What fires while nothing can be stored is not lost: Alertmanager sends it again, and it is acted on."""
    receiver = start_receiver()
    alertmanager = start_alertmanager(f"{receiver.url}/api/v1/alerts")
    ballast = fill(small_disk)
    words = {f"words{number}": "w" * 900 for number in range(4)}
    many: list[dict[str, str]] = []
    # Those of one moment share a transaction, and the log has room for some: sent until it has none.
    while not alertmanager.failed_requests():
        assert len(many) < 200
        fresh = [
            {"alertname": "SomethingElse", "shop": "sample", "number": str(number), **words}
            for number in range(len(many), len(many) + 20)
        ]
        alertmanager.post(*fresh)
        many += fresh
        time.sleep(0.5)
    alertmanager.post({"alertname": "StorageUsageWarning", "shop": "sample", "resource": "media"})
    assert 503 == receiver.get("/-/ready").status_code
    stored = receiver.metric("storekeeper_alerts_received_total")
    assert stored is not None and stored < len(many)
    ballast.unlink()
    wait(lambda: receiver.metric("storekeeper_alerts_received_total") >= len(many) + 1)
    wait(lambda: "StorageUsageWarning" in str(receiver.runs()))
    (run,) = receiver.runs()
    assert "done" == receiver.wait_for(run["id"], "done", "failed")["state"]
    wait(lambda: receiver.get("/-/ready").ok)
    ledger = LedgerFile(small_disk)
    with ledger.read() as connection:
        rows = connection.execute("SELECT json_extract(labels, '$.number') FROM episodes").fetchall()
    ledger.close()
    assert {alert["number"] for alert in many} == {row[0] for row in rows} - {None}


def test_disk_that_fills_up_during_a_run(
    small_disk: Path, start_receiver: Callable[..., Any], alert: Make, wait: Callable[..., Any]
) -> None:
    """A run whose steps cannot be written down waits for room; then it ends, no step lost or repeated."""
    receiver = start_receiver()
    (run,) = receiver.send(alert("SlowAlert")).json()["runs"]
    out = small_disk.with_name("out")
    wait(lambda: len(list(out.glob("second-*"))) > 5)
    ballast = fill(small_disk)
    wait(lambda: "write_batches second ends" in small_disk.with_name("told.txt").read_text())
    ballast.unlink()
    ended = receiver.wait_for(run, "done", "failed")
    assert ("done", ["done"] * 3) == (ended["state"], [step["state"] for step in ended["steps"]])
    told = small_disk.with_name("told.txt").read_text()
    assert [1, 1, 1] == [told.count(f"{name} begins") for name in ("first", "second", "third")]
    assert 4400 == ended["freed_bytes"]


def test_starts_on_a_full_disk(
    small_disk: Path, start_receiver: Callable[..., Any], alert: Make, wait: Callable[..., Any]
) -> None:
    """A receiver whose state lies on a full disk answers, not ready, until there is room."""
    start_receiver().process.kill()
    ballast = fill(small_disk)
    receiver = start_receiver()
    assert 503 == receiver.get("/-/ready").status_code
    assert 200 == receiver.get("/-/healthy").status_code
    ballast.unlink()
    assert 202 == receiver.send(alert("StorageUsageWarning", resource="media")).status_code
    (run,) = receiver.runs()
    assert "done" == receiver.wait_for(run["id"], "done", "failed")["state"]


def test_ledger_file_fails_whole_and_recovers(small_disk: Path) -> None:
    """A transaction that does not fit is a LedgerUnavailable and leaves the ledger as it was."""
    ledger = Ledger(LedgerFile(small_disk), now=now_here)
    new = NewRun(trigger=Trigger.API, who="a", steps=[NewStep(action="a", options={"text": "x" * 400_000})])
    first = ledger.accept(new)
    ballast = fill(small_disk)
    with pytest.raises(LedgerUnavailable):
        for _ in range(10):
            ledger.accept(new)
    os.unlink(ballast)
    second = ledger.accept(new)
    assert first and second and ledger.run(first) and ledger.run(second)
    ledger.file.close()
