"""The history as a person reads it."""

import datetime as dt
from pathlib import Path

from click.testing import CliRunner

from actions.ledger.file import LedgerFile
from actions.ledger.ledger import Ledger
from actions.ledger.rows import NewRun, NewStep
from actions.ledger.schema import RunState, Trigger
from storekeeper.cli import storekeeper
from storekeeper.config import load_config

MOMENT = dt.datetime(2026, 5, 3, 12, 4, 5, tzinfo=dt.UTC)


def test_moments_and_reasons_are_readable(tmp_path: Path) -> None:
    """A reason of several lines stays whole in the list and in the run; times are those of this place."""
    path = tmp_path / "storekeeper.yml"
    path.write_text(f"shop: a\nproject: {tmp_path}\nstate: state\n")
    ledger = Ledger(LedgerFile(load_config(path).state), now=lambda: MOMENT)
    run = ledger.accept(NewRun(trigger=Trigger.API, who="anna", steps=[NewStep(action="backup_database")]))
    assert run is not None
    ledger.begin_step(run, 0)
    ledger.end_run(run, state=RunState.FAILED, error="no room\nmake some")
    ledger.file.close()
    listed = CliRunner().invoke(storekeeper, ["runs", "--config.file", str(path)]).output
    here = f"{MOMENT.astimezone():%Y-%m-%d %H:%M:%S}"
    assert "no room; make some" in listed
    assert here in listed
    shown = CliRunner().invoke(storekeeper, ["runs", run, "--config.file", str(path)]).output
    assert "    error  no room\n           make some\n" in shown
    assert f" finished  {here}\n" in shown
