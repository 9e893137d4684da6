"""Carrying out one step: waiting for a resource, trying again, ending in time, never twice."""

from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from actions.action import Context, Outcome, Progress
from actions.ledger.history import find_run
from actions.ledger.ledger import Ledger
from actions.ledger.rows import NewRun, NewStep
from actions.ledger.schema import RunState, StepState, Trigger
from actions.receiver.worker import Next, Worker
from actions.runner import LOCKS
from storekeeper.config import Config
from storekeeper.errors import DatabaseUnavailable
from storekeeper.files import ResourceLock
from storekeeper.measure.usage import UsageReader


class Seconds:
    """A monotonic clock that only pausing moves; ``on_pause`` sees what happens meanwhile."""

    def __init__(self) -> None:
        self.now = 0.0
        self.on_pause: Callable[[float], None] = lambda _: None

    def __call__(self) -> float:
        return self.now

    def pause(self, seconds: float) -> None:
        self.now += seconds
        self.on_pause(self.now)


@pytest.fixture
def seconds() -> Seconds:
    """The worker's clock."""
    return Seconds()


@pytest.fixture
def make_worker(
    config: Config, ledger: Ledger, clock: Any, seconds: Seconds, sample_actions: ModuleType
) -> Callable[..., Worker]:
    """A factory of workers; ``more`` actions stand beside the sample ones."""

    def make(*more: Any, stopping: Callable[[], bool] = lambda: False) -> Worker:
        return Worker(
            ledger,
            config=config,
            actions={**sample_actions.ACTIONS, **{action.name: action for action in more}},
            usage=UsageReader(config, describe=lambda: pytest.fail("nobody asks the shop")),
            stopping=stopping,
            pause=seconds.pause,
            now=clock,
            clock=seconds,
        )

    return make


def accept(ledger: Ledger, *actions: str) -> str:
    steps = [NewStep(action=action) for action in actions]
    run = ledger.accept(NewRun(trigger=Trigger.API, who="anna", steps=steps))
    assert run is not None
    return run


def states(ledger: Ledger, run: str) -> tuple[str, list[str]]:
    found = find_run(ledger.file, run)
    assert found is not None
    return found["state"], [step["state"] for step in found["steps"]]


class Unreachable:
    """An action whose database comes back after ``failures`` attempts; it frees 10 bytes each time."""

    name = "unreachable"
    summary = "Fail for a while."

    def __init__(self, sample: ModuleType, *, failures: int) -> None:
        self.Options = sample.Names
        self.failures = failures

    def resources(self, config: Config, options: Any) -> tuple[str, ...]:
        return ("media",)

    def plan(self, context: Context, options: Any) -> Any:
        return None

    def perform(self, context: Context, options: Any, plan: Any) -> Outcome:
        context.report(Progress(done=1, freed_bytes=10))
        if self.failures:
            self.failures -= 1
            raise DatabaseUnavailable("no answer")
        return Outcome(summary="it is back", freed_bytes=10)


class Endless:
    """An action that works until it is told to stop."""

    name = "endless"
    summary = "Work."

    def __init__(self, sample: ModuleType, seconds: Seconds) -> None:
        self.Options = sample.Names
        self.seconds = seconds

    def resources(self, config: Config, options: Any) -> tuple[str, ...]:
        return ("media",)

    def plan(self, context: Context, options: Any) -> Any:
        return None

    def perform(self, context: Context, options: Any, plan: Any) -> Outcome:
        while not context.cancelled():
            self.seconds.pause(600)
        return Outcome(summary="stopped half-way", freed_bytes=7)


def test_finished_step_is_never_run_again(
    make_worker: Callable[..., Worker], ledger: Ledger, tmp_path: Path
) -> None:
    """An engine that asks again for a step that is done gets the answer, and nothing happens."""
    run = accept(ledger, "write_batches", "remove_files")
    assert Next.GO_ON is make_worker().carry_out(run, 0)
    before = (tmp_path / "told.txt").read_text()
    assert Next.GO_ON is make_worker().carry_out(run, 0)
    assert before == (tmp_path / "told.txt").read_text()
    assert ("running", ["done", "pending"]) == states(ledger, run)
    assert Next.GO_ON is make_worker().carry_out(run, 1)
    assert Next.STOP is make_worker().carry_out(run, 1)
    assert ("done", ["done", "done"]) == states(ledger, run)


def test_waits_for_a_busy_resource(
    make_worker: Callable[..., Worker], ledger: Ledger, config: Config, seconds: Seconds
) -> None:
    """A run of an alert waits while a person works on the resource, and begins when it is free."""
    lock = ResourceLock(config.state / LOCKS, resource="media", purpose="a person")
    lock.__enter__()
    seconds.on_pause = lambda now: lock.__exit__(None, None, None) if now > 60 else None
    run = accept(ledger, "remove_files")
    make_worker().carry_out(run, 0)
    assert seconds.now > 60
    assert ("done", ["done"]) == states(ledger, run)


def test_gives_up_on_a_resource_that_stays_busy(
    make_worker: Callable[..., Worker], ledger: Ledger, config: Config, seconds: Seconds
) -> None:
    """After an hour it fails and names the holder."""
    with ResourceLock(config.state / LOCKS, resource="media", purpose="a person"):
        run = accept(ledger, "remove_files")
        make_worker().carry_out(run, 0)
    found = find_run(ledger.file, run)
    assert found is not None
    assert ("failed", True) == (found["state"], "a person" in found["error"])
    assert 3600 < seconds.now < 3700


@pytest.mark.parametrize(("failures", "expected"), [(2, "done"), (3, "failed")])
def test_what_passes_by_itself_is_tried_again(
    make_worker: Callable[..., Worker],
    ledger: Ledger,
    sample_actions: ModuleType,
    failures: int,
    expected: str,
) -> None:
    """A database that does not answer is asked three times; what each attempt freed counts."""
    run = accept(ledger, "unreachable")
    make_worker(Unreachable(sample_actions, failures=failures)).carry_out(run, 0)
    assert (expected, [expected]) == states(ledger, run)
    found = find_run(ledger.file, run)
    assert found is not None
    assert (3, 30) == (found["steps"][0]["attempts"], found["freed_bytes"])


def test_step_ends_at_its_time_limit(
    make_worker: Callable[..., Worker], ledger: Ledger, sample_actions: ModuleType, seconds: Seconds
) -> None:
    """An action is asked to stop after receiver.step_timeout, and what it freed counts."""
    run = accept(ledger, "endless", "remove_files")
    assert Next.STOP is make_worker(Endless(sample_actions, seconds)).carry_out(run, 0)
    assert ("failed", ["failed", "skipped"]) == states(ledger, run)
    assert 6 * 3600 < seconds.now < 7 * 3600
    found = find_run(ledger.file, run)
    assert found is not None and 7 == found["freed_bytes"]


def test_cancelled_action_stops_and_is_told_apart_from_a_done_one(
    make_worker: Callable[..., Worker], ledger: Ledger, sample_actions: ModuleType, seconds: Seconds
) -> None:
    """A person cancels the only step while it runs: step and run are cancelled, what it freed counts."""
    run = accept(ledger, "endless")
    seconds.on_pause = lambda now: ledger.cancel(run, who="anna") if now > 3000 else None
    assert Next.STOP is make_worker(Endless(sample_actions, seconds)).carry_out(run, 0)
    assert ("cancelled", ["cancelled"]) == states(ledger, run)
    assert 3000 < seconds.now < 5000


def test_end_of_the_receiver_hands_the_run_back(
    make_worker: Callable[..., Worker], ledger: Ledger, sample_actions: ModuleType, seconds: Seconds
) -> None:
    """When the receiver ends, the run is accepted again with its next submission, not failed."""
    run = accept(ledger, "endless")
    worker = make_worker(Endless(sample_actions, seconds), stopping=lambda: seconds.now > 1000)
    assert Next.STOP is worker.carry_out(run, 0)
    found = ledger.run(run)
    assert found is not None
    assert (RunState.ACCEPTED, 1) == (found.state, found.submission)
    assert StepState.RUNNING is ledger.step(run, 0).state


def test_action_that_is_gone_fails_with_its_name(make_worker: Callable[..., Worker], ledger: Ledger) -> None:
    """A run from before an upgrade may name an action that is no more."""
    run = accept(ledger, "vanished")
    make_worker().carry_out(run, 0)
    found = find_run(ledger.file, run)
    assert found is not None
    assert ("failed", "there is no action 'vanished' (any more)") == (found["state"], found["error"])


class Careful:
    """An action that leaves a part until an operator has approved it."""

    name = "careful"
    summary = "Do what is approved."

    def __init__(self, sample: ModuleType) -> None:
        self.Options = sample.Names
        self.approvals: list[Any] = []

    def resources(self, config: Config, options: Any) -> tuple[str, ...]:
        return ("media",)

    def plan(self, context: Context, options: Any) -> Any:
        return None

    def perform(self, context: Context, options: Any, plan: Any) -> Outcome:
        self.approvals.append(context.attributes["approval"])
        waits = "" if context.attributes["approval"] else "2 files"
        return Outcome(summary="some", freed_bytes=5, waits_for=waits, details={"waiting_folders": ["a"]})


def test_run_waits_at_its_end_for_what_needs_an_approval(
    make_worker: Callable[..., Worker], ledger: Ledger, sample_actions: ModuleType
) -> None:
    """The steps after it go on; the approval reaches the action with what the operator was shown."""
    careful = Careful(sample_actions)
    run = accept(ledger, "careful", "write_batches")
    for position in range(2):
        assert Next.GO_ON is make_worker(careful).carry_out(run, position)
    assert ("waiting", ["waiting", "done"]) == states(ledger, run)
    assert ledger.approve(run, who="anna")
    for position in range(2):
        make_worker(careful).carry_out(run, position)
    assert ("done", ["done", "done"]) == states(ledger, run)
    assert [None, {"who": "anna", "details": {"waiting_folders": ["a"]}}] == careful.approvals
    found = find_run(ledger.file, run)
    assert found is not None
    assert 10 == found["steps"][0]["freed_bytes"]
