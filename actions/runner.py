"""
Run one action: lock its resources, plan, and, unless it is a dry run, perform.

Every way of starting an action ends here: the command line and manage.py by ``run_by_hand``, playbooks,
schedules and the web by ``actions.receiver.worker``. A resource is worked on by one run at a time.
"""

import datetime as dt
import logging
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field
from typing import Any, Final

from actions.action import Action, Context, Outcome, Plan, Progress
from actions.clock.check import ClockCheck
from actions.clock.guard import ClockGuard
from actions.clock.machine import MachineClock
from actions.ledger.file import LedgerFile, LedgerUnavailable
from actions.ledger.ledger import Ledger
from actions.ledger.progress_keeper import ProgressKeeper
from actions.ledger.rows import NewRun, NewStep
from actions.ledger.schema import RunState, StepState, Trigger
from actions.offsite.afterwards import with_copies
from actions.offsite.urls import redacted
from actions.person import person
from storekeeper.config import Config
from storekeeper.config.fields import Model
from storekeeper.errors import AlreadyRunning, StorekeeperError
from storekeeper.files import ResourceLock
from storekeeper.shop import Shop

logger = logging.getLogger(__name__)

LOCKS: Final = "locks"
_STEP_STATES: Final = {
    RunState.DONE: StepState.DONE,
    RunState.FAILED: StepState.FAILED,
    RunState.CANCELLED: StepState.CANCELLED,
}


@dataclass(frozen=True, kw_only=True)
class Performed:
    """
    What a run planned and did; ``outcome`` is None after a dry run, ``run`` where nothing was recorded.

    ``clock_doubt`` says after a dry run why the run itself would stop, since the clock may be wrong.
    """

    plan: Plan
    outcome: Outcome | None = None
    run: str | None = None
    clock_doubt: str = ""


@dataclass(frozen=True, kw_only=True)
class Order:
    """One action to be run with its checked options. ``purpose`` tells others who holds the resources."""

    action: Action[Any, Any]
    options: Model
    config: Config
    dry_run: bool = False
    purpose: str
    attributes: Mapping[str, Any] = field(default_factory=dict)
    ask: Callable[[str, Plan], bool] | None = None


def now_here() -> dt.datetime:
    """Give the present moment with this machine's time zone."""
    return dt.datetime.now().astimezone()


def run_action(
    order: Order,
    *,
    report: Callable[[Progress], None],
    cancelled: Callable[[], bool] = lambda: False,
    now: Callable[[], dt.datetime] = now_here,
    clock: ClockCheck | None = None,
) -> Performed:
    """
    Carry out an order; raises AlreadyRunning when a resource is taken, else what the action raises.

    What would remove by age raises ClockInDoubt where the clock may be wrong, whoever started it. A dry run
    takes no lock: it changes nothing and may look at any time. ``clock`` is the check of a process that
    watches the clock; without it the clock is compared with what the state folder knows.
    """
    shop = Shop.of(order.config)
    guard = ClockGuard(
        clock or ClockCheck(order.config.state, machine=MachineClock(now=lambda: now().timestamp())),
        config=order.config,
        shop=shop,
        dry_run=order.dry_run,
    )
    context = Context(
        config=order.config,
        shop=shop,
        now=now,
        report=report,
        cancelled=cancelled,
        attributes=order.attributes,
        ask=order.ask,
        clock_doubt=guard.doubt,
    )
    if order.dry_run:
        with context.shop.staying():
            plan = order.action.plan(context, order.options)
            return Performed(plan=plan, clock_doubt=guard.doubt_about(order.action.name, plan))
    with ExitStack() as locks:
        # Sorted: two runs that want the same two resources never wait for each other.
        for resource in sorted(set(order.action.resources(order.config, order.options))):
            locks.enter_context(
                ResourceLock(order.config.state / LOCKS, resource=resource, purpose=order.purpose)
            )
        locks.enter_context(context.shop.staying())
        plan = order.action.plan(context, order.options)
        guard.require(order.action.name, plan)
        outcome = order.action.perform(context, order.options, plan)
    # The locks are given back: a slow line to another place must not hold up a cleanup.
    return Performed(plan=plan, outcome=with_copies(context, outcome, locks=order.config.state / LOCKS))


def run_by_hand(
    action: Action[Any, Any],
    *,
    config: Config,
    options: Model,
    dry_run: bool,
    report: Callable[[Progress], None],
    now: Callable[[], dt.datetime] = now_here,
    ask: Callable[[str, Plan], bool] | None = None,
) -> Performed:
    """
    Run an action for the person at the command line and record it in the history.

    A ledger that cannot be written (a full disk) does not keep a person from making room: the run goes
    on without a record. Raises AlreadyRunning at once when a resource is taken.
    """
    who = person()
    order = Order(
        action=action,
        options=options,
        config=config,
        dry_run=dry_run,
        purpose=f"{action.name} of {who}",
        attributes={"trigger": Trigger.COMMAND_LINE.value},
        ask=ask,
    )
    if dry_run:
        return run_action(order, report=report, now=now)
    ledger = Ledger(LedgerFile(config.state), now=now)
    try:
        return _recorded(order, ledger=ledger, who=who, report=report, now=now)
    finally:
        ledger.file.close()


def _recorded(
    order: Order,
    *,
    ledger: Ledger,
    who: str,
    report: Callable[[Progress], None],
    now: Callable[[], dt.datetime],
) -> Performed:
    step = NewStep(action=order.action.name, options=_told(order.options))
    try:
        run = ledger.begin_by_hand(NewRun(trigger=Trigger.COMMAND_LINE, who=who, steps=[step]))
        keeper = ProgressKeeper(ledger, run, 0, also=report)
        keeper.begin()
    except LedgerUnavailable as error:
        logger.warning("this run will not be in the history: %s", error.message)
        return run_action(order, report=report, now=now)
    with keeper:
        return _kept(order, ledger=ledger, run=run, keeper=keeper, now=now)


def _kept(
    order: Order, *, ledger: Ledger, run: str, keeper: ProgressKeeper, now: Callable[[], dt.datetime]
) -> Performed:
    state, error_text = RunState.FAILED, ""
    done: Performed | None = None
    try:
        done = run_action(order, report=keeper, cancelled=keeper.cancel_requested, now=now)
        state = RunState.CANCELLED if keeper.cancel_was_seen else RunState.DONE
    except AlreadyRunning as error:
        state, error_text = RunState.REFUSED, error.message
        raise
    except KeyboardInterrupt:
        state, error_text = RunState.CANCELLED, "stopped at the keyboard"
        raise
    except BaseException as error:
        error_text = str(error) if isinstance(error, StorekeeperError) else f"{type(error).__name__}: {error}"
        raise
    finally:
        keeper.flush()
        outcome = done.outcome if done else None
        try:
            if state in _STEP_STATES:
                ledger.end_step(run, 0, state=_STEP_STATES[state], outcome=outcome, error=error_text)
            ledger.end_run(run, state=state, summary=outcome.summary if outcome else "", error=error_text)
        except LedgerUnavailable as error:
            logger.warning("the end of this run is not in the history: %s", error.message)
    return Performed(plan=done.plan, outcome=done.outcome, run=run)


def _told(options: Model) -> dict[str, bool | int | float | str]:
    """Give the options that a person chose, as they are kept in the history: no password of a URL is."""
    chosen = options.model_dump(exclude_defaults=True)
    return {
        name: value if isinstance(value, bool | int | float) else redacted(str(getattr(options, name)))
        for name, value in chosen.items()
    }
