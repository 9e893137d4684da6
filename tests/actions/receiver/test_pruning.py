"""What ended long ago is forgotten; the totals, the due times and what is open stay."""

import json
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from prometheus_client import CollectorRegistry, generate_latest

from actions.action import Outcome
from actions.ledger.history import find_run, list_runs, open_episodes
from actions.ledger.ledger import Ledger
from actions.ledger.pruning import RUNS_AT_ONCE, forget, shrink
from actions.ledger.rows import NewRun, NewStep
from actions.ledger.schema import RunState, StepState, Trigger
from actions.playbooks import playbooks_of
from actions.receiver.engine import DbosEngine
from actions.receiver.forgetting import ENGINE_KEEPS_SECONDS, Forgetting
from actions.receiver.intake import Intake
from actions.receiver.metrics import ReceiverCollector
from actions.receiver.payload import parse_message
from actions.receiver.worker import Next
from actions.schedules import Scheduler
from storekeeper.config import Config, load_config

DAY = 86400.0


def accept(ledger: Ledger, *, due_key: str | None = None, dry_run: bool = False) -> str:
    steps = [NewStep(action="clean", options={"words": "w" * 3000}), NewStep(action="pack")]
    new = NewRun(trigger=Trigger.API, who="anna", steps=steps, due_key=due_key, dry_run=dry_run)
    run = ledger.accept(new)
    assert run is not None
    return run


def carry_out(ledger: Ledger, run: str, *, freed_bytes: int = 100) -> str:
    """End a run: its first step is done, its second has failed."""
    ledger.begin_step(run, 0)
    ledger.add_log(run, 0, "a line")
    ledger.end_step(run, 0, state=StepState.DONE, outcome=Outcome(summary="cleaned", freed_bytes=freed_bytes))
    ledger.begin_step(run, 1)
    ledger.end_step(run, 1, state=StepState.FAILED, error="no")
    ledger.end_run(run, state=RunState.FAILED)
    return run


def counters(ledger: Ledger) -> dict[str, float]:
    """Give what a scrape finds about actions, but for what goes on now."""
    registry = CollectorRegistry(auto_describe=False)
    registry.register(ReceiverCollector(ledger.file, shop="madamda", actions=["clean"]))
    lines = generate_latest(registry).decode().splitlines()
    return {
        line.rpartition(" ")[0]: float(line.rpartition(" ")[2])
        for line in lines
        if line.startswith("storekeeper_action_")
    }


def rows(ledger: Ledger) -> dict[str, int]:
    """Give how many rows each table has."""
    with ledger.file.read() as connection:
        return {
            table: connection.execute(f"SELECT count(*) FROM {table}").fetchone()[0]
            for table in ("runs", "steps", "log", "episodes", "alerts")
        }


def test_old_runs_go_and_the_totals_stay(ledger: Ledger, clock: Any) -> None:
    """Runs go with steps and logs when they are old; the metrics say what they said, also in more rounds."""
    for number in range(3):
        carry_out(ledger, accept(ledger), freed_bytes=100 + number)
        clock.advance(days=10)
    carry_out(ledger, accept(ledger, dry_run=True))
    before = counters(ledger)
    assert (3, 3, 303) == tuple(
        before[f'storekeeper_action_{name}_total{{action="{action}",shop="madamda"}}']
        for name, action in (("runs", "clean"), ("failures", "pack"), ("freed_bytes", "clean"))
    )
    assert 2 == forget(ledger, before=clock().timestamp() - 15 * DAY)
    assert (before, 2) == (counters(ledger), len(list_runs(ledger.file)))
    clock.advance(days=10)
    assert 2 == forget(ledger, before=clock().timestamp())
    assert (before, {0}) == (counters(ledger), set(rows(ledger).values()))
    carry_out(ledger, accept(ledger))
    assert 4 == counters(ledger)['storekeeper_action_runs_total{action="clean",shop="madamda"}']


def test_more_than_one_round(ledger: Ledger, clock: Any) -> None:
    """More old runs than go in one transaction all go."""
    for _ in range(RUNS_AT_ONCE + 3):
        ledger.end_run(accept(ledger), state=RunState.DONE)
    clock.advance(days=1)
    assert RUNS_AT_ONCE + 3 == forget(ledger, before=clock().timestamp())
    assert {0} == set(rows(ledger).values())


def test_open_runs_and_runs_of_open_episodes_stay(
    ledger: Ledger, config: Config, clock: Any, alert: Callable[..., Any], message: Callable[..., Any]
) -> None:
    """What has not ended, and the runs of an alert that still fires, are never forgotten."""
    intake = Intake(ledger.file, config=config, playbooks=playbooks_of(config), now=clock)

    def take(status: str, number: str) -> Any:
        sent = message(alert("CarefulAlert", status=status, number=number))
        return intake.take(parse_message(_encoded(sent))).runs

    (closed,) = take("firing", "1")
    ledger.end_run(closed, state=RunState.DONE)
    take("resolved", "1")
    clock.advance(hours=2)
    (firing,) = take("firing", "2")
    ledger.end_run(firing, state=RunState.DONE)
    waiting = accept(ledger)
    ledger.wait_for_approval(waiting, 0)
    clock.advance(days=500)
    assert 1 == forget(ledger, before=clock().timestamp())
    assert [None, True, True] == [
        found and True for found in (find_run(ledger.file, run) for run in (closed, firing, waiting))
    ]
    assert (1, 1) == (len(open_episodes(ledger.file)), rows(ledger)["episodes"])


def test_forgotten_due_time_does_not_fall_due_again(ledger: Ledger, clock: Any) -> None:
    """A yearly job whose last run is forgotten waits for its next time."""
    scheduler = Scheduler(ledger, schedule={"clean": "0 3 1 1 *"}, now=clock)
    assert [] == scheduler.accept_due()
    clock.advance(days=300)
    (run,) = scheduler.accept_due()
    ledger.end_run(run, state=RunState.DONE)
    clock.advance(days=20)
    assert 1 == forget(ledger, before=clock().timestamp())
    assert [] == scheduler.accept_due()


def test_file_is_made_smaller(ledger: Ledger, clock: Any) -> None:
    """After much was forgotten the file gives its room back; a file that is full of use is left alone."""
    for _ in range(900):
        ledger.end_run(accept(ledger), state=RunState.DONE)
    kept = accept(ledger)
    assert not shrink(ledger.file.path)
    with ledger.file.read() as connection:
        pages = connection.execute("PRAGMA page_count").fetchone()[0]
    clock.advance(days=1)
    forget(ledger, before=clock().timestamp())
    assert shrink(ledger.file.path)
    with ledger.file.read() as connection:
        assert connection.execute("PRAGMA page_count").fetchone()[0] < pages / 10
    assert find_run(ledger.file, kept)


@pytest.fixture
def engine(ledger: Ledger, config: Config, clock: Any) -> Iterator[DbosEngine]:
    """A started engine whose steps end their run at once."""

    def carry_out(run: str, position: int) -> Next:
        ledger.end_run(run, state=RunState.DONE)
        return Next.GO_ON

    engine = DbosEngine(ledger, state=config.state, carry_out=carry_out)
    engine.claim()
    engine.start()
    yield engine
    engine.stop(grace_seconds=5)


def test_engine_forgets_too(
    ledger: Ledger, config: Config, clock: Any, engine: DbosEngine, wait: Callable[..., Any]
) -> None:
    """Of runs that ended the engine keeps nothing; what it has not carried out stays."""
    runs = [accept(ledger) for _ in range(5)]
    for run in runs:
        engine.submit(run)
    wait(lambda: {"done"} == {found["state"] for found in list_runs(ledger.file)})
    # Its last words may still be on their way.
    wait(lambda: 5 == len(_workflows(config, status="SUCCESS")))
    since = max(int(created) for _, created in _workflows(config)) / 1000
    assert 0 == engine.forget(before=since - DAY)
    assert 5 == engine.forget(before=since + 1)
    assert [] == _workflows(config)
    again = accept(ledger)
    engine.submit(again)
    wait(lambda: RunState.DONE is _state(ledger, again))


def test_once_a_day(ledger: Ledger, config_file: Path, clock: Any) -> None:
    """The rounds forget at the first one and once a day after that, as the config says."""
    text = config_file.read_text().replace("receiver: {", "receiver: {history: 30d, ")
    config_file.write_text(text)
    seen: list[float] = []

    class Idle:
        def forget(self, *, before: float) -> int:
            seen.append(before)
            return 0

    seconds, right = [0.0], [False]
    forgetting = Forgetting(
        ledger,
        engine=Idle(),  # type: ignore[arg-type] # only this is asked for
        config=load_config(config_file),
        now=clock,
        trusted=lambda: right[0],
        clock=lambda: seconds[0],
    )
    old, young = (carry_out(ledger, accept(ledger)), clock.advance(days=10), accept(ledger))[::2]
    ledger.end_run(young, state=RunState.DONE)
    clock.advance(days=25)
    # By a clock that may be wrong nothing is old.
    forgetting.tend()
    assert [] == seen
    right[0] = True
    for moment in (0.0, DAY - 1, DAY):
        seconds[0] = moment
        forgetting.tend()
    assert [clock().timestamp() - ENGINE_KEEPS_SECONDS] * 2 == seen
    assert [None, young] == [
        found and found["id"] for found in (find_run(ledger.file, run) for run in (old, young))
    ]


def _encoded(value: Any) -> bytes:
    return json.dumps(value).encode()


def _workflows(config: Config, *, status: str | None = None) -> list[tuple[str, int]]:
    with closing(sqlite3.connect(config.state / "dbos.sqlite3", timeout=30)) as connection:
        return connection.execute(
            "SELECT workflow_uuid, created_at FROM workflow_status WHERE ? IS NULL OR status = ?",
            (status, status),
        ).fetchall()


def _state(ledger: Ledger, run: str) -> RunState | None:
    found = ledger.run(run)
    return found.state if found else None
