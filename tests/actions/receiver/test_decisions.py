"""A person's word about a run, by command: it works with and without a receiver, and is kept with a name."""

import getpass
import json
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from actions.ledger.ledger import Ledger
from actions.ledger.rows import NewRun, NewStep
from actions.ledger.schema import Trigger
from actions.person import person
from actions.receiver.expiry import expire_approvals
from storekeeper.cli import storekeeper
from storekeeper.errors import StorekeeperError


@dataclass(frozen=True, kw_only=True)
class Answer:
    """How a command ended, and what it said."""

    code: int
    told: str


Command = Callable[..., Answer]


@pytest.fixture
def command(config_file: Path) -> Command:
    """``command("runs", RUN)`` in this process, as a person types it."""

    def run(*words: str) -> Answer:
        line = [*words, "--config.file", str(config_file)]
        result = CliRunner().invoke(storekeeper, line, standalone_mode=False)
        if isinstance(result.exception, StorekeeperError):
            return Answer(code=result.exception.exit_code, told=str(result.exception))
        assert result.exception is None, result.exception
        return Answer(code=0, told=result.stdout)

    return run


def waiting_run(ledger: Ledger) -> str:
    """Accept a run that waits before its only step."""
    step = NewStep(action="remove_files", needs_approval=True)
    run = ledger.accept(NewRun(trigger=Trigger.API, who="anna", steps=[step]))
    assert run
    ledger.wait_for_approval(run, 0)
    return run


def decisions(answer: str) -> list[tuple[str, str]]:
    """Give (what, who) of a run's JSON."""
    return [(one["what"], one["who"]) for one in json.loads(answer)["decisions"]]


def test_a_run_is_approved_by_command_and_goes_on(
    receiver: Any, alert: Any, command: Command, config_file: Path
) -> None:
    """The receiver finds it in the ledger, and `runs ID` tells who did it."""
    (run,) = receiver.send(alert("CarefulAlert", severity="warning")).json()["runs"]
    receiver.wait_for(run, "waiting")
    listed = command("runs")
    assert f"storekeeper approve {run}" in listed.told
    assert f"run {run} waits for a person before remove_files, until " in listed.told
    line = [sys.executable, "-m", "storekeeper", "approve", run, "--config.file", str(config_file)]
    subprocess.run(line, check=True, capture_output=True, timeout=120)
    # The receiver looks every few seconds, and at once when there is something else to do.
    receiver.send(alert("StorageUsageWarning", resource="media"))
    assert "done" == receiver.wait_for(run, "done", "failed")["state"]
    shown = command("runs", run)
    assert f" approved  by {getpass.getuser()} at 20" in shown.told
    assert "  started  by Alertmanager, alert at 20" in shown.told
    assert "waits" not in command("runs").told


def test_waiting_runs_are_decided_about_without_a_receiver(ledger: Ledger, command: Command) -> None:
    """Once: the second word about the same run is refused and says why."""
    run, other = waiting_run(ledger), waiting_run(ledger)
    approved = command("approve", run, "--json")
    assert ("accepted", [("started", "anna, api"), ("approved", getpass.getuser())]) == (
        json.loads(approved.told)["state"],
        decisions(approved.told),
    )
    again = command("approve", run)
    assert (1, True) == (again.code, "does not wait for approval" in again.told)
    cancelled = command("cancel", other, "--json")
    assert ("cancelled", [("started", "anna, api"), ("cancelled", getpass.getuser())]) == (
        json.loads(cancelled.told)["state"],
        decisions(cancelled.told),
    )
    ended = command("cancel", other)
    assert (1, True) == (ended.code, "has ended already" in ended.told)


def test_a_run_that_is_at_work_is_asked_to_stop_and_who_asked_is_kept(
    receiver: Any, alert: Any, command: Command
) -> None:
    """It stops at its next safe point; its history names the person, not only that it was cancelled."""
    (run,) = receiver.send(alert("SlowAlert")).json()["runs"]
    receiver.wait_for(run, "running")
    assert "stops at its next safe point" in command("cancel", run).told
    ended = receiver.wait_for(run, "done", "failed", "cancelled")
    assert "cancelled" == ended["state"]
    assert ("cancelled", getpass.getuser()) in [(one["what"], one["who"]) for one in ended["decisions"]]


def test_an_approval_that_nobody_gave_is_kept_as_such(ledger: Ledger, clock: Any, command: Command) -> None:
    """The history tells an expiry from a person's no."""
    run = waiting_run(ledger)
    clock.advance(days=2)
    expire_approvals(ledger, before=clock.moment.timestamp() - 86400)
    assert [("started", "anna, api"), ("expired", "nobody")] == decisions(command("runs", run, "--json").told)


def test_a_run_that_is_none_makes_no_ledger(command: Command, config: Any) -> None:
    """A mistyped id, or a config with another state, is told and leaves nothing behind."""
    for word in ("approve", "cancel"):
        done = command(word, "20260101-000000-00000000")
        assert (1, True) == (done.code, "there is no run" in done.told)
    assert not config.state.exists()


def test_the_name_is_the_systems_not_the_environments(monkeypatch: pytest.MonkeyPatch) -> None:
    """Who sets LOGNAME is still who they are; who came by sudo is named, too."""
    name = getpass.getuser()
    monkeypatch.setenv("LOGNAME", "somebody-else")
    assert name == person({})
    assert f"anna as {name}" == person({"SUDO_USER": "anna"})
