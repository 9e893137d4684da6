"""The ledger's file and the life of a run in it."""

import sqlite3
import stat
import subprocess
import sys
from collections.abc import Callable
from typing import Any

import pytest

from actions.action import Outcome, Progress
from actions.ledger.file import LedgerFile, LedgerUnavailable
from actions.ledger.history import find_run
from actions.ledger.ledger import MOST_LOG_LINES, Ledger
from actions.ledger.rows import NewRun, NewStep
from actions.ledger.schema import SCHEMA_VERSION, RunState, StepState, Trigger
from actions.receiver.expiry import expire_approvals
from storekeeper.config import Config

NEW = NewRun(trigger=Trigger.API, who="anna", steps=[NewStep(action="a"), NewStep(action="b")])


def accept(ledger: Ledger, new: NewRun = NEW) -> str:
    run = ledger.accept(new)
    assert run is not None
    return run


def step(ledger: Ledger, run: str, position: int = 0) -> dict[str, Any]:
    found = find_run(ledger.file, run)
    assert found is not None
    value: dict[str, Any] = found["steps"][position]
    return value


def test_only_the_owner_can_read_it(ledger: Ledger, config: Config) -> None:
    """Names of files and people stand in it; nobody else on the machine sees them."""
    accept(ledger)
    modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in config.state.iterdir()}
    assert {"ledger.sqlite3": 0o600, "ledger.sqlite3-wal": 0o600, "ledger.sqlite3-shm": 0o600} == modes


def test_each_commit_reaches_the_disk(ledger: Ledger) -> None:
    """Write-ahead log and full synchronisation: what was answered with 202 survives a power cut."""
    with ledger.file.read() as connection:
        pragmas = [
            connection.execute(f"PRAGMA {name}").fetchone()[0] for name in ("journal_mode", "synchronous")
        ]
    assert ["wal", 2] == pragmas


def test_freed_bytes_of_interrupted_attempts_are_kept(ledger: Ledger) -> None:
    """Each attempt adds to what those before it freed, whether they ended or not."""
    run = accept(ledger)
    ledger.begin_step(run, 0)
    ledger.note_progress(run, 0, Progress(done=3, total=9, freed_bytes=30))
    ledger.begin_step(run, 0)
    ledger.note_progress(run, 0, Progress(done=1, total=6, freed_bytes=10))
    assert 40 == step(ledger, run)["freed_bytes"]
    ledger.end_step(run, 0, state=StepState.DONE, outcome=Outcome(summary="ok", freed_bytes=60))
    assert (90, 2) == (step(ledger, run)["freed_bytes"], step(ledger, run)["attempts"])


def test_names_in_any_encoding_and_endless_logs(ledger: Ledger) -> None:
    """Undecodable bytes are written escaped, and a step's log ends at its limit."""
    run = accept(ledger)
    for _ in range(MOST_LOG_LINES + 10):
        ledger.add_log(run, 0, "រូប\udcff.png")
    ledger.end_step(
        run, 0, state=StepState.DONE, outcome=Outcome(summary="\udcff", details={"name": "\udcff"})
    )
    found = step(ledger, run)
    assert (MOST_LOG_LINES, "រូប\\udcff.png", "\\udcff") == (
        len(found["log"]),
        found["log"][0],
        found["summary"],
    )


def test_due_time_is_accepted_once(ledger: Ledger) -> None:
    """A due time of a schedule starts one run, whoever asks and how often."""
    new = NewRun(trigger=Trigger.SCHEDULE, who="s", steps=[NewStep(action="a")], due_key="a 2026-05-03T03:00")
    assert [True, False, False] == [ledger.accept(new) is not None for _ in range(3)]


def test_run_that_ended_is_never_handed_back(ledger: Ledger) -> None:
    """Only an unfinished run of the same submission is submitted anew."""
    run = accept(ledger)
    assert [True, False, True] == [ledger.hand_back(run, submission=number) for number in (0, 0, 1)]
    ledger.end_run(run, state=RunState.DONE)
    assert not ledger.hand_back(run, submission=2)
    assert None is ledger.cancel(run, who="anna")


def test_approval_expires(ledger: Ledger, clock: Any) -> None:
    """A run that nobody approves in time is cancelled; an approved one is not."""
    waiting, approved = accept(ledger), accept(ledger)
    for run in (waiting, approved):
        ledger.wait_for_approval(run, 1)
    assert ledger.approve(approved, who="anna")
    since = clock().timestamp()
    clock.advance(hours=25)
    assert 0 == expire_approvals(ledger, before=since)
    assert 1 == expire_approvals(ledger, before=since + 1)
    states = [found.state for run in (waiting, approved) if (found := ledger.run(run))]
    assert [RunState.CANCELLED, RunState.ACCEPTED] == states


def test_program_that_looks_into_it_takes_nothing_away(ledger: Ledger, config: Config) -> None:
    """While a process has the ledger open twice, others open and close it, and every commit stays."""
    look = (
        "import sqlite3, sys; c = sqlite3.connect(sys.argv[1]);"
        " print(c.execute('SELECT count(*) FROM runs').fetchone()[0]); c.close()"
    )

    def seen_by_another() -> int:
        command = [sys.executable, "-c", look, str(ledger.file.path)]
        return int(subprocess.run(command, check=True, capture_output=True, text=True).stdout)

    accept(ledger)
    second = LedgerFile(config.state)
    with second.read() as connection:
        connection.execute("SELECT count(*) FROM runs")
    assert 1 == seen_by_another()
    accept(ledger)
    assert 2 == seen_by_another()
    accept(ledger)
    second.close()
    assert 3 == seen_by_another()


def test_many_processes_write_at_once(ledger: Ledger, config: Config) -> None:
    """The command line writes its runs beside the receiver; none is lost and none waits for ever."""
    code = (
        "import sys; from pathlib import Path\n"
        "from actions.ledger.ledger import Ledger; from actions.ledger.file import LedgerFile\n"
        "from actions.ledger.rows import NewRun, NewStep; from actions.ledger.schema import Trigger\n"
        "from actions.runner import now_here\n"
        "ledger = Ledger(LedgerFile(Path(sys.argv[1])), now=now_here)\n"
        "new = NewRun(trigger=Trigger.API, who='a', steps=[NewStep(action='a')])\n"
        "for _ in range(25): ledger.accept(new)\n"
    )
    processes = [subprocess.Popen([sys.executable, "-c", code, str(config.state)]) for _ in range(4)]
    assert [0, 0, 0, 0] == [process.wait() for process in processes]
    assert 100 == len(ledger.runs_in(RunState.ACCEPTED))


def test_newer_ledger_is_left_alone(config: Config, clock: Callable[[], Any]) -> None:
    """A ledger of a newer version is refused, not changed."""
    config.state.mkdir()
    with sqlite3.connect(config.state / "ledger.sqlite3") as connection:
        connection.execute(f"PRAGMA user_version = {SCHEMA_VERSION + 1}")
    connection.close()
    with pytest.raises(LedgerUnavailable, match="newer storekeeper"):
        Ledger(LedgerFile(config.state), now=clock).accept(NEW)
