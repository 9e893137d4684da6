"""A clock that went ahead while the receiver ran makes nothing old enough to be removed."""

from collections.abc import Callable

import pytest

from actions.ledger.history import find_run
from actions.ledger.ledger import Ledger
from actions.ledger.rows import NewRun, NewStep
from actions.ledger.schema import Trigger
from actions.receiver.steady_clock import JUDGE_BY_AGE, SteadyClock, seconds_since_start
from actions.receiver.worker import Worker
from actions.table import ACTIONS
from storekeeper.config import Config
from storekeeper.measure.usage import UsageReader

DAY = 86_400.0


class Times:
    """The time of day, and the time since the machine started."""

    def __init__(self) -> None:
        self.day = 1_800_000_000.0
        self.start = 5000.0

    def pass_by(self, seconds: float) -> None:
        """Let time pass, as it does when nobody sets the clock."""
        self.day += seconds
        self.start += seconds


@pytest.fixture
def times() -> Times:
    """Two clocks that agree."""
    return Times()


@pytest.fixture
def steady(times: Times) -> SteadyClock:
    """What looks at the two."""
    return SteadyClock(now=lambda: times.day, since_start=lambda: times.start)


@pytest.fixture
def carry_out(config: Config, ledger: Ledger, steady: SteadyClock) -> Callable[..., str]:
    """Give what a run of one action for a trigger comes to: what it tells of the clock, or nothing."""

    def one(action: str, trigger: Trigger, *, dry_run: bool = False) -> str:
        worker = Worker(
            ledger,
            config=config,
            actions=ACTIONS,
            usage=UsageReader(config, describe=lambda: pytest.fail("nobody asks the shop")),
            stopping=lambda: False,
            pause=lambda _: None,
            steady_clock=steady,
        )
        run = ledger.accept(
            NewRun(trigger=trigger, who="test", steps=[NewStep(action=action)], dry_run=dry_run)
        )
        assert run is not None
        worker.carry_out(run, 0)
        found = find_run(ledger.file, run)
        assert found is not None
        return str(found["error"]) if "the clock" in str(found["error"]) else ""

    return one


def test_names_are_those_of_actions() -> None:
    """An action that is renamed is still held."""
    assert set(ACTIONS) >= JUDGE_BY_AGE


@pytest.mark.parametrize("action", sorted(JUDGE_BY_AGE))
def test_nothing_is_removed_by_a_clock_that_went_ahead(
    carry_out: Callable[..., str], times: Times, action: str
) -> None:
    """What an alert or a schedule began fails and says why; a person's own run and a dry run go on."""
    times.pass_by(40 * DAY)
    assert carry_out(action, Trigger.SCHEDULE) == ""
    times.day += 365 * DAY
    for trigger in (Trigger.SCHEDULE, Trigger.ALERT):
        told = carry_out(action, trigger)
        assert f"{action} removes nothing: the clock went ahead by 365 days by itself" in told
        assert "restart the receiver" in told
    assert carry_out(action, Trigger.ALERT, dry_run=True) == ""
    assert carry_out(action, Trigger.PAGE) == ""
    times.day -= 365 * DAY
    assert carry_out(action, Trigger.ALERT) == ""


def test_what_judges_by_nothing_old_goes_on(carry_out: Callable[..., str], times: Times) -> None:
    """A backup is made whatever the clock says."""
    times.day += 365 * DAY
    assert carry_out("backup_database", Trigger.SCHEDULE) == ""


@pytest.mark.parametrize("seconds", [DAY, 0.0, -365 * DAY])
def test_corrections_hold_up_nothing(carry_out: Callable[..., str], times: Times, seconds: float) -> None:
    """Some hours ahead, or back by any time: what is kept too long is no loss."""
    times.day += seconds
    assert carry_out("cleanup_expired_qr_codes", Trigger.ALERT) == ""


def test_machines_clocks_agree() -> None:
    """The real ones, a moment apart."""
    assert seconds_since_start() > 0
    assert abs(SteadyClock().went_ahead().total_seconds()) < 60
