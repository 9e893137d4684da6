"""The rules that bind every step: a time limit that holds, few at once, one per resource, wise retries."""

import select
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from types import ModuleType
from typing import Any

import psutil
import pytest
import requests

from actions.ledger.ledger import Ledger
from actions.ledger.rows import NewRun, NewStep
from actions.ledger.schema import RunState, Trigger
from actions.receiver.dbos_life import MOST_AT_ONCE
from actions.receiver.overdue import Overdue
from actions.runner import run_by_hand
from storekeeper.config import Config
from storekeeper.errors import AlreadyRunning
from tests.receiver_url import receiver_url

Start = Callable[..., Any]


def test_step_that_hangs_is_ended(
    config_file: Path, start_receiver: Start, wait: Callable[..., Any], thorough: bool
) -> None:
    """A step that hears nothing fails at its limit; its lock and its program go, other runs go on."""
    text = config_file.read_text().replace("receiver: {", "receiver: {step_timeout: 1s, ")
    config_file.write_text(text)
    receiver = start_receiver()
    for in_program in (True, False) if thorough else (True,):
        body = {"action": "hang", "options": {"in_program": in_program}}
        hung = receiver.post("/api/v1/runs", json=body).json()["id"]
        wait(lambda run=hung: receiver.get(f"/api/v1/runs/{run}").json()["state"] == "running")
        children = wait(lambda: psutil.Process(receiver.process.pid).children()) if in_program else []
        time.sleep(1.7)
        with suppress(requests.ConnectionError):
            # A new run makes a round begin, which may come before its answer.
            receiver.post("/api/v1/runs", json={"action": "remove_files"})
        assert select.select([receiver.process.stdout], [], [], 30)[0], "it does not begin anew"
        port = receiver.process.stdout.readline().strip()
        receiver.url = receiver_url(config_file.parent / "state", port)
        assert None is receiver.process.poll()
        assert [] == [child for child in children if child.is_running() and child.status() != "zombie"]
        ended = receiver.wait_for(hung, "done", "failed")
        assert ("failed", "hung: it did not stop at its time limit, and was ended") == (
            ended["state"],
            ended["error"],
        )
        after = receiver.post("/api/v1/runs", json={"action": "remove_files"}).json()["id"]
        assert "done" == receiver.wait_for(after, "done", "failed")["state"]


def test_overdue_only_after_limit_and_grace(ledger: Ledger) -> None:
    """A step has its limit and a grace to stop by itself; one that has ended is not watched."""
    run = ledger.accept(NewRun(trigger=Trigger.API, who="anna", steps=[NewStep(action="a")]))
    assert run is not None
    seconds = [0.0]
    overdue = Overdue(ledger, grace_seconds=10, clock=lambda: seconds[0])
    with overdue.watched(run, deadline=100):
        seconds[0] = 110
        assert not overdue.fail()
        seconds[0] = 111
        assert overdue.fail()
    found = ledger.run(run)
    assert found is not None
    assert RunState.FAILED is found.state
    assert not overdue.fail()


def test_few_steps_at_once(receiver: Any) -> None:
    """Of many runs at most MOST_AT_ONCE are begun at a time, the others wait, and all end."""
    bodies = [
        {"action": "write_batches", "options": {"batches": 3, "name": str(number)}} for number in range(3)
    ]
    runs = [receiver.post("/api/v1/runs", json=body).json()["id"] for body in bodies]
    most = 0
    states = {""}
    while states != {"done"}:
        states_now = [run["state"] for run in receiver.runs()]
        most = max(most, states_now.count("running"))
        states = set(states_now)
        assert not states & {"failed", "refused"}
    assert (MOST_AT_ONCE, 3) == (most, len(runs))


def test_failure_for_good_is_not_tried_again(receiver: Any) -> None:
    """What cannot pass by itself is tried once."""
    run = receiver.post("/api/v1/runs", json={"action": "fail_always"}).json()["id"]
    ended = receiver.wait_for(run, "done", "failed")
    assert ("failed", 1) == (ended["state"], ended["steps"][0]["attempts"])


def test_person_is_told_who_holds_the_resource(
    start_receiver: Start,
    config: Config,
    config_file: Path,
    sample_actions: ModuleType,
    alert: Any,
    wait: Any,
) -> None:
    """While an alert's run works on a resource, the command line ends with 75 and names that run."""
    receiver = start_receiver()
    (run,) = receiver.send(alert("SlowAlert")).json()["runs"]
    wait(lambda: list(config_file.parent.glob("out/second-*")))
    action = sample_actions.ACTIONS["write_batches"]
    with pytest.raises(AlreadyRunning, match=f"out is being worked on by run {run}") as caught:
        run_by_hand(action, config=config, options=action.Options(), dry_run=False, report=lambda _: None)
    assert 75 == caught.value.exit_code
    assert "done" == receiver.wait_for(run, "done", "failed")["state"]


def test_receivers_run_waits_for_a_person_at_work(
    start_receiver: Start, config: Config, config_file: Path, sample_actions: ModuleType, wait: Any
) -> None:
    """While a person's run works on a resource, one from web or schedule waits, and runs after it."""
    receiver = start_receiver()
    code = (
        "import importlib.util, sys; from pathlib import Path\n"
        "from actions.runner import run_by_hand; from storekeeper.config import load_config\n"
        "spec = importlib.util.spec_from_file_location('p', sys.argv[2])\n"
        "p = importlib.util.module_from_spec(spec); spec.loader.exec_module(p)\n"
        "a = p.ACTIONS['write_batches']\n"
        "run_by_hand(a, config=load_config(Path(sys.argv[1])), options=a.Options(name='hand', batches=30),"
        " dry_run=False, report=lambda _: None)\n"
    )
    program = Path(sample_actions.__file__ or "")
    person = subprocess.Popen([sys.executable, "-c", code, str(config_file), str(program)])
    wait(lambda: list(config_file.parent.glob("out/hand-*")))
    body = {"action": "write_batches", "options": {"batches": 2, "name": "web"}}
    run = receiver.post("/api/v1/runs", json=body).json()["id"]
    assert "done" == receiver.wait_for(run, "done", "failed")["state"]
    assert 0 == person.wait()
    lines = config_file.with_name("told.txt").read_text().splitlines()
    assert lines.index("write_batches hand ends after 30") < lines.index("write_batches web ends after 2")
    assert 2 == len(receiver.runs())
