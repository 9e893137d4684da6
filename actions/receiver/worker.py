"""
Carry out one step of a run of the ledger, for the engine.

A step checks, acts and verifies in one: nothing that was true before a crash is trusted after it. The
ledger is the truth about what is finished; a step that it calls done is never run again.
"""

import datetime as dt
import enum
import logging
import time
from collections.abc import Callable, Mapping
from typing import Any, Final

from pydantic import ValidationError

from actions.action import Action, Outcome, Progress
from actions.clock.check import ClockCheck
from actions.ledger.file import LedgerUnavailable
from actions.ledger.ledger import Ledger, Run, Step
from actions.ledger.progress_keeper import ProgressKeeper
from actions.ledger.run_summary import summarize
from actions.ledger.schema import RunState, StepState
from actions.ledger.waiting import approval_of, end_waiting_steps, waiting_steps
from actions.media.approving import APPROVAL
from actions.receiver.emergency import Needs, gives_way, makes_room_now, may_wait
from actions.receiver.overdue import Overdue
from actions.receiver.room_guard import RoomGuard
from actions.receiver.step_watch import StepWatch, Stop
from actions.runner import Order, Performed, now_here, run_action
from storekeeper.config import Config
from storekeeper.errors import AlreadyRunning, ConfigurationError, StorekeeperError
from storekeeper.measure.usage import UsageReader

logger = logging.getLogger(__name__)

BUSY_SECONDS: Final = 3600.0
BUSY_PAUSE_SECONDS: Final = 2.0
RETRY_PAUSES_SECONDS: Final = (10.0, 60.0)
PLAN_CHARACTERS: Final = 100_000
PLAN_ROWS: Final = 200
PLAN_ROWS_OF_LONG: Final = 20


class Next(enum.StrEnum):
    """What the engine does after a step."""

    GO_ON = "go on"
    STOP = "stop"


class Worker:
    """
    Carries out steps; safe for several threads, each with another run.

    ``stopping`` tells that the receiver ends: the action stops at its next safe point and its run is
    handed back, to be gone on with after the next start. ``pause`` sleeps and may return early.
    """

    def __init__(
        self,
        ledger: Ledger,
        *,
        config: Config,
        actions: Mapping[str, Action[Any, Any]],
        usage: UsageReader,
        stopping: Callable[[], bool],
        pause: Callable[[float], None] = time.sleep,
        now: Callable[[], dt.datetime] = now_here,
        clock: Callable[[], float] = time.monotonic,
        overdue: Overdue | None = None,
        needs: Needs | None = None,
        clock_check: ClockCheck | None = None,
    ) -> None:
        self._ledger = ledger
        self._config = config
        self._actions = actions
        self._room = RoomGuard(ledger, config=config, usage=usage, now=now)
        self._stopping = stopping
        self._pause = pause
        self._now = now
        self._clock = clock
        self.may_begin = self._room.may_begin
        self._overdue = overdue or Overdue(ledger, clock=clock)
        self._needs = needs or Needs()
        self._clock_check = clock_check

    def carry_out(self, run_id: str, position: int) -> Next:
        """Carry out the step at ``position`` and, after the last one, end the run."""
        run = self._ledger.run(run_id)
        if run is None or run.state not in (RunState.ACCEPTED, RunState.RUNNING):
            return Next.STOP
        step = self._ledger.step(run_id, position)
        if step.state in (StepState.PENDING, StepState.APPROVED, StepState.RUNNING):
            if run.cancel_requested:
                self._end(run, state=RunState.CANCELLED)
                return Next.STOP
            if (why := self._room.why_skipped(run, position, step)) is not None:
                self._ledger.end_step(run_id, position, state=StepState.SKIPPED, outcome=Outcome(summary=why))
                return self._after(run, position)
            if step.needs_approval and step.state is StepState.PENDING:
                self._ledger.wait_for_approval(run_id, position)
                return Next.STOP
            if self._attempt(run, position, step) is Next.STOP:
                return Next.STOP
        return self._after(run, position)

    def _after(self, run: Run, position: int) -> Next:
        """End the run after its last step."""
        if position + 1 == run.step_count:
            self._conclude(run)
        return Next.GO_ON

    def _conclude(self, run: Run) -> None:
        """
        End a run whose steps are through; one that did not make enough room has failed, and says so.

        A run that could do more with an operator's approval waits for it, unless there is room already.
        """
        shortfall = self._room.shortfall(run)
        waiting = waiting_steps(self._ledger, run.id)
        if waiting and (shortfall or run.until_below is None):
            self._ledger.wait_for_approval(run.id, waiting[0])
            return
        if waiting:
            end_waiting_steps(self._ledger, run.id)
        state = RunState.FAILED if shortfall else self._state_so_far(run)
        self._end(run, state=state, error=shortfall)

    def _attempt(self, run: Run, position: int, step: Step) -> Next:
        with ProgressKeeper(self._ledger, run.id, position, clock=self._clock) as keeper:
            keeper.begin()
            return self._perform(run, position, step, keeper)

    def _perform(self, run: Run, position: int, step: Step, keeper: ProgressKeeper) -> Next:
        timeout = self._now() - self._config.receiver.step_timeout.before(self._now())
        deadline = self._clock() + timeout.total_seconds()
        watch = StepWatch(
            keeper,
            stopping=self._stopping,
            giving_way=lambda resources: gives_way(run, step.action) and self._needs.one_of(resources),
            deadline=deadline,
            clock=self._clock,
        )
        try:
            self._room.require(run, step)
            order = self._order(run, step, approval=approval_of(self._ledger, run.id, position))
            watch.resources = tuple(order.action.resources(order.config, order.options))
            with self._overdue.watched(run.id, deadline=deadline):
                urgent = makes_room_now(run, step.action)
                done = self._until_free(order, keeper=keeper, watch=watch, urgent=urgent)
        except StorekeeperError as error:
            return self._failed(run, position, keeper, watch, str(error))
        except Exception as error:
            logger.exception("run %s: %s failed", run.id, step.action)
            return self._failed(run, position, keeper, watch, f"{type(error).__name__}: {error}")
        outcome = done.outcome or _planned(done)
        if watch.seen is not None and watch.seen.for_now:
            keeper(Progress(done=outcome.changed, freed_bytes=outcome.freed_bytes))
            return self._hand_back(run, position, keeper, why=watch.seen)
        if watch.seen is Stop.CANCEL:
            self._keep_end(run, position, state=StepState.CANCELLED, outcome=outcome)
            self._end(run, state=RunState.CANCELLED)
            return Next.STOP
        if watch.seen is Stop.TIMEOUT:
            self._keep_end(run, position, state=StepState.FAILED, outcome=outcome, error=watch.seen)
            self._end(run, state=RunState.FAILED, error=watch.seen)
            return Next.STOP
        waits = bool(outcome.waits_for) and may_wait(run)
        self._keep_end(run, position, state=StepState.WAITING if waits else StepState.DONE, outcome=outcome)
        return Next.GO_ON

    def _hand_back(self, run: Run, position: int, keeper: ProgressKeeper, *, why: Stop) -> Next:
        keeper.flush()
        if why is Stop.EMERGENCY:
            logger.warning("run %s stops and is begun again later: %s", run.id, why)
            self._ledger.add_log(run.id, position, f"stopped, to be begun again later: {why}")
        self._ledger.hand_back(run.id, submission=run.submission)
        return Next.STOP

    def _order(self, run: Run, step: Step, *, approval: Mapping[str, Any] | None) -> Order:
        action = self._actions.get(step.action)
        if action is None:
            raise ConfigurationError(f"there is no action {step.action!r} (any more)")
        try:
            options = action.Options.model_validate(
                step.options, context={"project": str(self._config.project)}
            )
        except ValidationError as error:
            found = error.errors(include_url=False, include_input=False)
            raise ConfigurationError(
                f"the options of {step.action} are not valid: "
                + "; ".join(f"{'.'.join(map(str, one['loc']))}: {one['msg']}" for one in found)
            ) from None
        return Order(
            action=action,
            options=options,
            config=self._config,
            dry_run=run.dry_run,
            purpose=f"run {run.id}",
            attributes={
                "run": run.id,
                "trigger": run.trigger.value,
                "playbook": run.playbook,
                APPROVAL: approval,
            },
        )

    def _until_free(
        self, order: Order, *, keeper: ProgressKeeper, watch: StepWatch, urgent: bool
    ) -> Performed:
        """Run the action as soon as its resources are free, again after what may pass by itself."""
        give_up = self._clock() + BUSY_SECONDS
        pauses = list(RETRY_PAUSES_SECONDS)
        while True:
            needed: tuple[str, ...] = ()
            try:
                return run_action(
                    order, report=keeper, cancelled=watch, now=self._now, clock=self._clock_check
                )
            except AlreadyRunning:
                if self._clock() > give_up:
                    raise
                pause = BUSY_PAUSE_SECONDS
                needed = watch.resources if urgent else ()
            except StorekeeperError as error:
                if error.permanent or not pauses or watch.seen:
                    raise
                pause = pauses.pop(0)
                logger.warning("%s: %s; tried again in %g s", order.purpose, error.message, pause)
                keeper.begin_again()
            with self._needs.waiting(order.purpose, resources=needed):
                self._wait(pause, watch=watch)

    def _wait(self, seconds: float, *, watch: StepWatch) -> None:
        """Pause before another try; raises StorekeeperError as soon as there shall be none."""
        until = self._clock() + seconds
        while self._clock() < until:
            if watch():
                raise StorekeeperError("stopped before it began")
            self._pause(min(0.5, seconds))

    def _failed(self, run: Run, position: int, keeper: ProgressKeeper, watch: StepWatch, error: str) -> Next:
        if watch.seen is not None and watch.seen.for_now:
            return self._hand_back(run, position, keeper, why=watch.seen)
        keeper.flush()
        if watch.seen is Stop.CANCEL:
            self._keep_end(run, position, state=StepState.CANCELLED, error=error)
            self._end(run, state=RunState.CANCELLED)
            return Next.STOP
        self._keep_end(run, position, state=StepState.FAILED, error=error)
        # A playbook that makes room goes on to the next way of making room; any other would build on sand.
        if run.until_below is None:
            self._end(run, state=RunState.FAILED, error=error)
            return Next.STOP
        return Next.GO_ON

    def _state_so_far(self, run: Run) -> RunState:
        failed = any(
            self._ledger.step(run.id, position).state is StepState.FAILED
            for position in range(run.step_count)
        )
        return RunState.FAILED if failed else RunState.DONE

    def _end(self, run: Run, *, state: RunState, error: str = "") -> None:
        summary = summarize(self._ledger, run.id)
        self._insist(lambda: self._ledger.end_run(run.id, state=state, summary=summary, error=error))

    def _keep_end(
        self, run: Run, position: int, *, state: StepState, outcome: Outcome | None = None, error: str = ""
    ) -> None:
        self._insist(
            lambda: self._ledger.end_step(run.id, position, state=state, outcome=outcome, error=error)
        )

    def _insist(self, write: Callable[[], None]) -> None:
        """Write an end down, again and again while the disk is full; it has happened already."""
        for pause in (0.5, 2.0, 5.0, 10.0, 20.0):
            try:
                write()
            except LedgerUnavailable as error:
                logger.warning("%s", error.message)
                self._pause(pause)
            else:
                return
        write()


def _planned(done: Performed) -> Outcome:
    """Give a dry run's plan in the place of an outcome: for scripts, and its first rows for a person."""
    rows = done.plan.rows()
    details = {"plan": done.plan.as_json(), "rows": rows[: PLAN_ROWS + 1], "row_count": len(rows) - 1}
    if len(str(details)) > PLAN_CHARACTERS:
        shown = rows[: PLAN_ROWS_OF_LONG + 1]
        details = {
            "plan": {"summary": done.plan.summary, "note": "too long to keep"},
            "rows": shown if len(str(shown)) <= PLAN_CHARACTERS else [],
            "row_count": len(rows) - 1,
        }
    doubt = f"; it would stop: the clock may be wrong: {done.clock_doubt}" if done.clock_doubt else ""
    return Outcome(summary=f"dry run: {done.plan.summary}{doubt}", details=details)
