"""What a killed attempt freed is known although the ledger was not told in time."""

import os
from pathlib import Path

import pytest

from actions.action import Progress
from actions.ledger.history import find_run
from actions.ledger.ledger import Ledger
from actions.ledger.progress_keeper import ProgressKeeper
from actions.ledger.progress_mark import FOLDER
from actions.ledger.rows import NewRun, NewStep
from actions.ledger.schema import RunState, StepState, Trigger
from storekeeper.config import Config


def accept(ledger: Ledger) -> str:
    run = ledger.accept(NewRun(trigger=Trigger.API, who="anna", steps=[NewStep(action="a")]))
    assert run is not None
    return run


def freed(ledger: Ledger, run: str) -> int:
    found = find_run(ledger.file, run)
    assert found is not None
    return int(found["freed_bytes"])


def attempt_and_die(ledger: Ledger, run: str, *reports: int) -> None:
    """Report freed bytes in quick succession from a process that then ends without a word."""
    ledger.file.close()
    process = os.fork()
    if process == 0:
        keeper = ProgressKeeper(ledger, run, 0, clock=lambda: 0.0)
        keeper.begin()
        for freed_bytes in reports:
            keeper(Progress(done=1, freed_bytes=freed_bytes))
        os._exit(0)
    os.waitpid(process, 0)


def marks(config: Config) -> list[Path]:
    return list((config.state / FOLDER).iterdir())


def test_last_reports_of_killed_attempts_count(ledger: Ledger, config: Config) -> None:
    """Each killed attempt's last report counts once, however often the mark is read."""
    run = accept(ledger)
    attempt_and_die(ledger, run, 10, 20, 30)
    # The ledger heard of the first report alone: the others came too soon after it.
    assert 10 == freed(ledger, run)
    attempt_and_die(ledger, run, 1, 2)
    ledger.begin_step(run, 0)
    assert 32 == freed(ledger, run)
    ledger.begin_step(run, 0)
    ledger.end_run(run, state=RunState.FAILED)
    assert (32, []) == (freed(ledger, run), marks(config))


@pytest.mark.parametrize("end", ["given up", "cancelled"])
def test_run_that_never_begins_again_has_the_figure(ledger: Ledger, end: str) -> None:
    """A run that is given up or cancelled after a kill tells what it freed."""
    run = accept(ledger)
    attempt_and_die(ledger, run, 10, 20, 30)
    if end == "given up":
        ledger.end_run(run, state=RunState.FAILED)
    else:
        assert ledger.hand_back(run, submission=0)
        assert RunState.CANCELLED is ledger.cancel(run, who="anna")
    assert 30 == freed(ledger, run)


def test_damaged_mark_counts_for_nothing(ledger: Ledger, config: Config) -> None:
    """Half a mark, as after a power cut, is no figure."""
    run = accept(ledger)
    attempt_and_die(ledger, run, 10, 20)
    (mark,) = marks(config)
    mark.write_bytes(mark.read_bytes()[:-1])
    ledger.begin_step(run, 0)
    assert 10 == freed(ledger, run)


def test_no_mark_is_left_where_the_ledger_knows(ledger: Ledger, config: Config) -> None:
    """After an attempt whose end was written down there is no mark."""
    run = accept(ledger)
    with ProgressKeeper(ledger, run, 0) as keeper:
        keeper.begin()
        keeper(Progress(done=1, freed_bytes=5))
        assert 1 == len(marks(config))
        ledger.end_step(run, 0, state=StepState.DONE)
    assert [] == marks(config)


def test_marks_that_cannot_be_written_stop_nobody(ledger: Ledger, config: Config) -> None:
    """Without room for the mark the attempt goes on."""
    run = accept(ledger)
    (config.state / FOLDER).write_text("a file in the way")
    with ProgressKeeper(ledger, run, 0) as keeper:
        keeper.begin()
        keeper(Progress(done=1, freed_bytes=5))
        keeper.flush()
    assert 5 == freed(ledger, run)
