"""Running an action by hand, as the command line and manage.py do."""

import os
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from actions.action import Progress
from actions.ledger.file import LedgerFile
from actions.ledger.history import read_run, read_runs
from actions.ledger.ledger import Ledger
from actions.ledger.rows import NewRun, NewStep
from actions.ledger.schema import Trigger
from actions.receiver.expiry import fail_abandoned_runs
from actions.runner import LOCKS, now_here, run_by_hand
from storekeeper.config import Config
from storekeeper.errors import AlreadyRunning, StorekeeperError
from storekeeper.files import ResourceLock


def run(module: ModuleType, name: str, config: Config, *, dry_run: bool = False, **options: Any) -> Any:
    action = module.ACTIONS[name]
    reports: list[Progress] = []
    return run_by_hand(
        action, config=config, options=action.Options(**options), dry_run=dry_run, report=reports.append
    )


def test_run_is_recorded(sample_actions: ModuleType, config: Config) -> None:
    """A run by hand stands in the history with who, what and how much it freed."""
    done = run(sample_actions, "remove_files", config, names="old*")
    assert 600 == done.outcome.freed_bytes
    (listed,) = read_runs(config)
    assert ("done", "command line", 600, "removed 3 files") == (
        listed["state"],
        listed["trigger"],
        listed["freed_bytes"],
        listed["summary"],
    )
    found = read_run(config, done.run)
    assert found is not None
    assert {"names": "old*"} == found["steps"][0]["options"]
    assert None is read_run(config, "nonsense")


def test_dry_run_touches_nothing(sample_actions: ModuleType, config: Config) -> None:
    """A dry run gives the plan and leaves neither a record nor a lock nor a changed file."""
    planned = run(sample_actions, "remove_files", config, dry_run=True, names="old*")
    assert (None, 3) == (planned.outcome, len(planned.plan.names))
    assert not config.state.exists()
    assert [] == read_runs(config)


def test_busy_resource_refuses_at_once(sample_actions: ModuleType, config: Config) -> None:
    """Who finds the resource taken ends with 75 and an entry that counts as no failure."""
    with (
        ResourceLock(config.state / LOCKS, resource="media", purpose="a test"),
        pytest.raises(AlreadyRunning) as caught,
    ):
        run(sample_actions, "remove_files", config)
    assert 75 == caught.value.exit_code
    (listed,) = read_runs(config)
    assert ("refused", "skipped", 0) == (
        listed["state"],
        listed["steps"][0]["state"],
        listed["steps"][0]["attempts"],
    )


def test_failure_is_recorded_and_raised(sample_actions: ModuleType, config: Config) -> None:
    """What the action raises reaches the person, and the history keeps its words and its hint."""
    with pytest.raises(StorekeeperError, match="it cannot be done"):
        run(sample_actions, "fail_always", config)
    (listed,) = read_runs(config)
    assert ("failed", "it cannot be done\nNothing helps") == (listed["state"], listed["error"])


def test_ledger_that_cannot_be_written_stops_nobody(
    sample_actions: ModuleType, config: Config, tmp_path: Path
) -> None:
    """A person can make room although the history cannot be written."""
    (config.state / LOCKS).mkdir(parents=True)
    (config.state / "ledger.sqlite3").write_bytes(b"this is no database" * 100)
    done = run(sample_actions, "remove_files", config, names="old*")
    assert (600, None) == (done.outcome.freed_bytes, done.run)
    assert ["new.png"] == [path.name for path in (tmp_path / "media").iterdir()]


def test_run_of_a_process_that_vanished_is_failed(config: Config) -> None:
    """A run by hand whose process is gone does not stay running for ever; one that lives is left alone."""
    ledger = Ledger(LedgerFile(config.state), now=now_here)
    new = NewRun(trigger=Trigger.COMMAND_LINE, who="anna", steps=[NewStep(action="remove_files")])
    alive = ledger.begin_by_hand(new)
    process = os.fork()
    if process == 0:
        child = Ledger(LedgerFile(config.state), now=now_here)
        gone_run = child.begin_by_hand(new)
        child.begin_step(gone_run, 0)
        os._exit(0)
    os.waitpid(process, 0)
    assert 1 == fail_abandoned_runs(ledger)
    states = {listed["id"]: listed["state"] for listed in read_runs(config)}
    assert "running" == states.pop(alive)
    assert ["failed"] == list(states.values())
    ledger.file.close()
