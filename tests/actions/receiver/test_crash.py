"""What a receiver promised survives its end, however it ends."""

import signal
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from actions.ledger.ledger import Ledger
from actions.ledger.rows import NewRun, NewStep
from actions.ledger.schema import Trigger
from storekeeper.files.tree import TRASH

Make = Callable[..., dict[str, Any]]
Start = Callable[..., Any]


def told(config_file: Path) -> list[str]:
    """Give what the actions told, line by line."""
    path = config_file.with_name("told.txt")
    return path.read_text().splitlines() if path.exists() else []


def written(config_file: Path) -> int:
    """Give how many files the second, slow step has written."""
    return len(list(config_file.parent.glob("out/second-*")))


def begin_slow_run(receiver: Any, config_file: Path, alert: Make, wait: Callable[..., Any]) -> str:
    """Start the run of three steps and give its id once the second is half-way."""
    (run,) = receiver.send(alert("SlowAlert")).json()["runs"]
    wait(lambda: written(config_file) > 12)
    return str(run)


def assert_finished_once(run: dict[str, Any], config_file: Path) -> None:
    assert ["done", "done", "done"] == [step["state"] for step in run["steps"]]
    assert [1, 2, 1] == [step["attempts"] for step in run["steps"]]
    lines = told(config_file)
    assert 1 == lines.count("write_batches first begins with 2 to do")
    assert 1 == lines.count("write_batches third begins with 2 to do")
    assert 40 == written(config_file)


def test_accepted_but_never_handed_over_is_run_after_the_start(start_receiver: Start, ledger: Ledger) -> None:
    """A receiver that died right after its 202 finds the run in the ledger when it starts again."""
    run = ledger.accept(
        NewRun(trigger=Trigger.ALERT, who="Alertmanager", steps=[NewStep(action="remove_files")])
    )
    assert "done" == start_receiver().wait_for(run, "done", "failed")["state"]


def test_killed_in_a_step_goes_on_after_the_restart(
    start_receiver: Start, config_file: Path, alert: Make, wait: Callable[..., Any]
) -> None:
    """After kill -9 the finished step is not repeated, the interrupted one goes on, and the run ends once."""
    first = start_receiver()
    run = begin_slow_run(first, config_file, alert, wait)
    first.process.kill()
    first.process.wait()
    before = written(config_file)
    second = start_receiver()
    ended = second.wait_for(run, "done", "failed")
    assert_finished_once(ended, config_file)
    assert f"write_batches second begins with {40 - before} to do" in told(config_file)
    # What the killed attempt freed counts, but for a file that it had no time to tell of.
    assert ended["steps"][1]["freed_bytes"] in (100 * 39, 100 * 40)
    assert 3 == second.metric('storekeeper_action_runs_total{action="write_batches"}')
    assert 0 == second.metric('storekeeper_action_running{action="write_batches"}')


def test_what_a_killed_run_had_taken_goes_at_the_start(
    start_receiver: Start, config_file: Path, wait: Callable[..., Any]
) -> None:
    """A file that was moved away to be removed goes at the next start, though no run comes back for it."""
    media = config_file.with_name("media")
    status = (media / "old0.png").stat()
    (media / TRASH).mkdir()
    (media / "old0.png").rename(
        media / TRASH / f"{status.st_ino:x}-{status.st_mtime_ns:x}-{status.st_size:x}-t-0"
    )
    start_receiver()
    wait(lambda: not (media / TRASH).exists())


def test_killed_emergency_goes_on_after_the_restart(
    start_receiver: Start, config_file: Path, alert: Make, wait: Callable[..., Any]
) -> None:
    """After kill -9 in an emergency it goes on where it was, as any other run does."""
    first = start_receiver()
    (run,) = first.send(alert("SlowAlert", severity="emergency")).json()["runs"]
    wait(lambda: written(config_file) > 12)
    first.process.kill()
    first.process.wait()
    assert_finished_once(start_receiver().wait_for(run, "done", "failed"), config_file)


def test_ended_in_a_step_goes_on_after_the_restart(
    start_receiver: Start, config_file: Path, alert: Make, wait: Callable[..., Any]
) -> None:
    """SIGTERM stops the action at its next safe point, quickly, and the run goes on after the restart."""
    first = start_receiver()
    run = begin_slow_run(first, config_file, alert, wait)
    first.process.send_signal(signal.SIGTERM)
    assert 0 == first.process.wait(timeout=15)
    assert written(config_file) < 40
    ended = start_receiver().wait_for(run, "done", "failed")
    assert_finished_once(ended, config_file)
    assert 100 * 40 == ended["steps"][1]["freed_bytes"]


def test_another_version_takes_over_what_was_begun(
    start_receiver: Start, config_file: Path, alert: Make, wait: Callable[..., Any]
) -> None:
    """A run of another version is neither lost nor stuck after an upgrade, and keeps no other run waiting."""
    first = start_receiver()
    run = begin_slow_run(first, config_file, alert, wait)
    waiting = [first.post("/api/v1/runs", json={"action": "write_batches"}).json()["id"] for _ in range(3)]
    first.process.kill()
    first.process.wait()
    second = start_receiver("2")
    ended = second.wait_for(run, "done", "failed")
    assert_finished_once(ended, config_file)
    assert ["done"] * 3 == [second.wait_for(other, "done", "failed")["state"] for other in waiting]
    with sqlite3.connect(config_file.with_name("state") / "dbos.sqlite3") as engine_file:
        open_workflows = engine_file.execute(
            "SELECT count(*) FROM workflow_status WHERE status IN ('PENDING', 'ENQUEUED')"
            " AND application_version = '1'"
        ).fetchone()
    engine_file.close()
    assert (0,) == open_workflows


def test_engine_that_forgot_everything_gets_the_runs_again(
    start_receiver: Start, config_file: Path, alert: Make, wait: Callable[..., Any]
) -> None:
    """The ledger is the truth: a run goes on even when the engine's own file was lost."""
    first = start_receiver()
    run = begin_slow_run(first, config_file, alert, wait)
    first.process.kill()
    first.process.wait()
    for file in config_file.parent.glob("state/dbos.sqlite3*"):
        file.unlink()
    ended = start_receiver().wait_for(run, "done", "failed")
    assert_finished_once(ended, config_file)


def test_run_that_nobody_works_on_is_taken_up(
    start_receiver: Start, config_file: Path, alert: Make, wait: Callable[..., Any]
) -> None:
    """A run that the engine holds for somebody who is gone does not stay running for ever."""
    first = start_receiver()
    run = begin_slow_run(first, config_file, alert, wait)
    first.process.kill()
    first.process.wait()
    with sqlite3.connect(config_file.with_name("state") / "dbos.sqlite3") as engine_file:
        engine_file.execute("UPDATE workflow_status SET executor_id = 'somebody else'")
    engine_file.close()
    ended = start_receiver().wait_for(run, "done", "failed")
    assert_finished_once(ended, config_file)


def test_run_that_ends_the_receiver_each_time_is_given_up(
    start_receiver: Start, config_file: Path, alert: Make, wait: Callable[..., Any]
) -> None:
    """A run in which the receiver died again and again is failed at last, and others still run."""
    receiver = start_receiver()
    (run,) = receiver.send(alert("SlowAlert")).json()["runs"]
    for begun in range(1, 5):
        wait(lambda begun=begun: sum("second begins" in line for line in told(config_file)) >= begun)
        receiver.process.kill()
        receiver.process.wait()
        receiver = start_receiver()
    ended = receiver.wait_for(run, "done", "failed")
    assert "the receiver ended 4 times in this step" == ended["error"]
    assert ["done", "failed", "skipped"] == [step["state"] for step in ended["steps"]]
    (other,) = receiver.send(alert("StorageUsageWarning", resource="media")).json()["runs"]
    assert "done" == receiver.wait_for(other, "done", "failed")["state"]


def test_run_that_the_receiver_never_came_to_is_not_given_up(
    start_receiver: Start, config_file: Path, alert: Make, wait: Callable[..., Any]
) -> None:
    """A receiver that died often for other reasons gives up no run whose step it did not begin as often."""
    first = start_receiver()
    run = begin_slow_run(first, config_file, alert, wait)
    first.process.kill()
    first.process.wait()
    with sqlite3.connect(config_file.with_name("state") / "dbos.sqlite3") as engine_file:
        engine_file.execute("UPDATE workflow_status SET recovery_attempts = 4")
    engine_file.close()
    ended = start_receiver().wait_for(run, "done", "failed")
    assert_finished_once(ended, config_file)


def test_twin_refuses_to_start(start_receiver: Start, config_file: Path) -> None:
    """A second receiver on the same state ends with 75 and says who holds it; the first goes on."""
    first = start_receiver()
    program = Path(__file__).with_name("receiver_process.py")
    twin = subprocess.run(
        [sys.executable, program, config_file], capture_output=True, text=True, timeout=60, check=False
    )
    assert 75 == twin.returncode
    assert f"process {first.process.pid}" in twin.stderr
    assert first.get("/-/ready").ok
