"""A changed config is taken into use while the receiver runs; a broken one is not."""

import os
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

from actions.ledger.ledger import Ledger
from actions.ledger.rows import NewRun, NewStep
from actions.ledger.schema import RunState, Trigger
from actions.receiver.worker import Next
from actions.receiver.workers import Workers

Make = Callable[..., dict[str, Any]]
Wait = Callable[..., Any]
SUCCESSFUL = "storekeeper_config_last_reload_successful"
MOMENT = "storekeeper_config_last_reload_success_timestamp_seconds"


def test_changed_config_counts_and_a_broken_one_changes_nothing(
    start_receiver: Any, config_file: Path, alert: Make, wait: Wait, tmp_path: Path
) -> None:
    """The next alert runs the playbook as the file has it now; a broken file changes nothing."""
    receiver = start_receiver()
    assert (1, None) == (receiver.metric(SUCCESSFUL), receiver.process.poll())
    good = config_file.read_text()
    before = receiver.metric(MOMENT)
    changed = good.replace(
        '[{action: remove_files, options: {names: "old*"}}]',
        '[{action: remove_files, options: {names: "new*"}}]',
    )
    assert changed != good
    config_file.write_text(changed)
    wait(lambda: receiver.metric(MOMENT) > before)
    config_file.write_text(changed.replace("areas:", "aeras:"))
    wait(lambda: receiver.metric(SUCCESSFUL) == 0)
    (run,) = receiver.send(alert("StorageUsageWarning", resource="media")).json()["runs"]
    assert {"names": "new*"} == receiver.wait_for(run, "done", "failed")["steps"][0]["options"]
    assert ["old0.png", "old1.png", "old2.png"] == sorted(
        path.name for path in (tmp_path / "media").iterdir()
    )
    config_file.write_text(good)
    wait(lambda: receiver.metric(SUCCESSFUL) == 1)
    config_file.write_text(good.replace("action: fail_always", "action: no_such_action"))
    wait(lambda: receiver.metric(SUCCESSFUL) == 0)
    assert 200 == receiver.get("/-/ready").status_code


def test_hangup_reads_the_config_again(start_receiver: Any, wait: Wait) -> None:
    """SIGHUP ends nothing: the file is read anew, changed or not."""
    receiver = start_receiver()
    before = receiver.metric(MOMENT)
    os.kill(receiver.process.pid, signal.SIGHUP)
    wait(lambda: receiver.metric(MOMENT) > before)
    assert None is receiver.process.poll()


def test_run_goes_on_over_a_change(
    start_receiver: Any, config_file: Path, alert: Make, wait: Wait, tmp_path: Path
) -> None:
    """A run that goes on while the config changes loses no step and does none twice."""
    receiver = start_receiver()
    (run,) = receiver.send(alert("SlowAlert")).json()["runs"]
    receiver.wait_for(run, "running")
    before = receiver.metric(MOMENT)
    config_file.write_text(config_file.read_text().replace("limit: 850", "limit: 860"))
    wait(lambda: receiver.metric(MOMENT) > before)
    assert "running" == receiver.get(f"/api/v1/runs/{run}").json()["state"]
    assert "done" == receiver.wait_for(run, "done", "failed")["state"]
    told = (tmp_path / "told.txt").read_text().splitlines()
    assert 3 == sum(" begins " in line for line in told)


def test_what_needs_a_restart_stays(
    start_receiver: Any, config_file: Path, alert: Make, wait: Wait, tmp_path: Path
) -> None:
    """Another state folder or address waits for a restart, while the rest of the change counts."""
    receiver = start_receiver()
    before = receiver.metric(MOMENT)
    text = config_file.read_text().replace(f"state: {tmp_path / 'state'}", f"state: {tmp_path / 'other'}")
    config_file.write_text(
        text.replace("127.0.0.1:0", "127.0.0.1:1").replace("runs_per_day: 1", "runs_per_day: 2")
    )
    wait(lambda: receiver.metric(MOMENT) > before)
    for expected in ("run", "run", "exhausted"):
        answer = receiver.send(alert("FailingAlert")).json()
        assert [expected] == answer["decisions"]
        for run in answer["runs"]:
            receiver.wait_for(run, "failed")
    assert not (tmp_path / "other").exists()


class NotedWorker:
    """A worker that notes what it is given and says that there is more to do."""

    def __init__(self) -> None:
        self.given: list[tuple[str, int]] = []

    def carry_out(self, run_id: str, position: int) -> Next:
        self.given.append((run_id, position))
        return Next.GO_ON


def test_run_keeps_the_worker_it_began_with(ledger: Ledger) -> None:
    """An open run stays with its worker, another begins with the new one, an ended one is forgotten."""
    old, new = NotedWorker(), NotedWorker()
    current: Any = old
    workers = Workers(ledger, current=lambda: current)

    def accept() -> str:
        steps = [NewStep(action="remove_files"), NewStep(action="remove_files")]
        run = ledger.accept(NewRun(trigger=Trigger.API, who="anna", steps=steps))
        assert run
        ledger.begin_step(run, 0)
        return run

    first = accept()
    workers.carry_out(first, 0)
    current = new
    second = accept()
    workers.carry_out(second, 0)
    workers.carry_out(first, 1)
    assert ([(first, 0), (first, 1)], [(second, 0)]) == (old.given, new.given)
    assert {first, second} == set(workers._of_run)
    for run in (first, second):
        ledger.end_run(run, state=RunState.DONE)
        workers.carry_out(run, 1)
    assert {} == workers._of_run
