"""A person's word about a run, by command: it works with and without a receiver, and is kept with a name."""

import getpass
import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from actions.ledger.ledger import Ledger
from actions.ledger.rows import NewRun, NewStep
from actions.ledger.schema import Trigger
from actions.person import person
from actions.receiver.expiry import expire_approvals

Command = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.fixture
def command(config_file: Path) -> Command:
    """``command("approve", RUN)`` as a person types it."""

    def run(*words: str) -> "subprocess.CompletedProcess[str]":
        line = [sys.executable, "-P", "-m", "storekeeper", *words, "--config.file", str(config_file)]
        return subprocess.run(line, capture_output=True, text=True, timeout=120)

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


def test_a_run_is_approved_by_command_and_goes_on(receiver: Any, alert: Any, command: Command) -> None:
    """The receiver sees it within its rounds, and `runs ID` tells who did it."""
    (run,) = receiver.send(alert("CarefulAlert", severity="warning")).json()["runs"]
    receiver.wait_for(run, "waiting")
    listed = command("runs")
    assert f"storekeeper approve {run}" in listed.stdout
    assert f"run {run} waits for a person before remove_files, until " in listed.stdout
    done = command("approve", run)
    assert (0, "") == (done.returncode, done.stderr)
    assert "done" == receiver.wait_for(run, "done", "failed")["state"]
    shown = command("runs", run)
    assert f" approved  by {getpass.getuser()} at 20" in shown.stdout
    assert "  started  by Alertmanager, alert at 20" in shown.stdout
    assert "waits" not in command("runs").stdout


def test_waiting_runs_are_decided_about_without_a_receiver(ledger: Ledger, command: Command) -> None:
    """Once: the second word about the same run is refused and says why."""
    run, other = waiting_run(ledger), waiting_run(ledger)
    approved = command("approve", run, "--json")
    assert ("accepted", [("started", "anna, api"), ("approved", getpass.getuser())]) == (
        json.loads(approved.stdout)["state"],
        decisions(approved.stdout),
    )
    again = command("approve", run)
    assert (1, True) == (again.returncode, "does not wait for approval" in again.stderr)
    cancelled = command("cancel", other, "--json")
    assert ("cancelled", [("started", "anna, api"), ("cancelled", getpass.getuser())]) == (
        json.loads(cancelled.stdout)["state"],
        decisions(cancelled.stdout),
    )
    ended = command("cancel", other)
    assert (1, True) == (ended.returncode, "has ended already" in ended.stderr)


def test_a_run_that_is_at_work_is_asked_to_stop_and_who_asked_is_kept(
    receiver: Any, alert: Any, command: Command
) -> None:
    """It stops at its next safe point; its history names the person, not only that it was cancelled."""
    (run,) = receiver.send(alert("SlowAlert")).json()["runs"]
    receiver.wait_for(run, "running")
    assert "stops at its next safe point" in command("cancel", run).stdout
    ended = receiver.wait_for(run, "done", "failed", "cancelled")
    assert "cancelled" == ended["state"]
    assert ("cancelled", getpass.getuser()) in [(one["what"], one["who"]) for one in ended["decisions"]]


def test_an_approval_that_nobody_gave_is_kept_as_such(ledger: Ledger, clock: Any, command: Command) -> None:
    """The history tells an expiry from a person's no."""
    run = waiting_run(ledger)
    clock.advance(days=2)
    expire_approvals(ledger, before=clock.moment.timestamp() - 86400)
    assert [("started", "anna, api"), ("expired", "nobody")] == decisions(
        command("runs", run, "--json").stdout
    )


def test_a_run_that_is_none_makes_no_ledger(command: Command, config: Any) -> None:
    """A mistyped id, or a config with another state, is told and leaves nothing behind."""
    for word in ("approve", "cancel"):
        done = command(word, "20260101-000000-00000000")
        assert (1, True) == (done.returncode, "there is no run" in done.stderr)
    assert not config.state.exists()


def test_the_name_is_the_systems_not_the_environments(monkeypatch: pytest.MonkeyPatch) -> None:
    """Who sets LOGNAME is still who they are; who came by sudo is named, too."""
    name = getpass.getuser()
    monkeypatch.setenv("LOGNAME", "somebody-else")
    assert name == person({})
    assert f"anna as {name}" == person({"SUDO_USER": "anna"})
