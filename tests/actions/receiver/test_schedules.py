"""Due times and what was missed."""

import datetime as dt
import time
from collections.abc import Iterator
from typing import Any

import pytest

from actions.ledger.ledger import Ledger
from actions.ledger.schema import RunState
from actions.schedules import Scheduler, schedule_of
from storekeeper.config import Config

DAILY = {"backup": "0 3 * * *"}


@pytest.fixture
def morning(clock: Any) -> Any:
    """The clock at eight in the morning of this machine's time."""
    clock.moment = dt.datetime(2026, 5, 3, 8).astimezone()
    return clock


def test_each_due_time_starts_one_run(ledger: Ledger, morning: Any) -> None:
    """A new schedule begins now; then each due time starts one run, however often it is looked at."""
    scheduler = Scheduler(ledger, schedule=DAILY, now=morning)
    assert [] == scheduler.accept_due()
    started = []
    for _ in range(72):
        morning.advance(hours=1)
        started.append(len(scheduler.accept_due()) + len(scheduler.accept_due()))
    assert 3 == sum(started)
    assert [1] * 3 == [number for number in started if number]
    assert 1 == started[18], "the first at three in the night"


def test_downtime_is_made_up_for_once(ledger: Ledger, morning: Any) -> None:
    """After ten days of downtime one run is started, not ten, also by a receiver that just started."""
    Scheduler(ledger, schedule=DAILY, now=morning).accept_due()
    morning.advance(days=10)
    restarted = Scheduler(ledger, schedule=DAILY, now=morning)
    assert 1 == len(restarted.accept_due())
    assert [] == restarted.accept_due()
    (run,) = ledger.runs_in(RunState.ACCEPTED)
    assert "schedule" == run.trigger


@pytest.fixture
def berlin(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """This machine's time is that of Berlin."""
    with monkeypatch.context() as patch:
        patch.setenv("TZ", "Europe/Berlin")
        time.tzset()
        yield
    time.tzset()


@pytest.mark.parametrize(
    ("night", "cron", "runs"),
    [
        # Autumn: the hour from two to three comes twice.
        ("2026-10-24", "30 2 * * *", ["10-25 02:30 +0200", "10-26 02:30 +0100"]),
        ("2026-10-24", "0 3 * * *", ["10-25 03:00 +0100", "10-26 03:00 +0100"]),
        (
            "2026-10-24",
            "30 * 25 * *",
            [
                *(f"10-25 {hour:02}:30 +0200" for hour in (0, 1, 2)),
                *(f"10-25 {hour:02}:30 +0100" for hour in range(2, 24)),
            ],
        ),
        # Spring: the hour from two to three does not come.
        ("2026-03-28", "30 2 * * *", ["03-29 03:00 +0200", "03-30 02:30 +0200"]),
        ("2026-03-28", "0 3 * * *", ["03-29 03:00 +0200", "03-30 03:00 +0200"]),
    ],
)
@pytest.mark.usefixtures("berlin")
def test_nights_of_spring_and_autumn(
    ledger: Ledger, clock: Any, night: str, cron: str, runs: list[str]
) -> None:
    """No due time is passed over, and none starts two runs."""
    clock.moment = dt.datetime.fromisoformat(f"{night} 20:00").astimezone(dt.UTC)
    scheduler = Scheduler(ledger, schedule={"backup": cron}, now=clock)
    scheduler.accept_due()
    started = []
    for _ in range(48 * 2):
        clock.advance(minutes=30)
        started += [f"{clock().astimezone():%m-%d %H:%M %z}" for _ in scheduler.accept_due()]
    assert started == runs


def test_changed_expression_begins_now(ledger: Ledger, morning: Any) -> None:
    """A new time of the day does not start a run for a due time that it never had."""
    Scheduler(ledger, schedule=DAILY, now=morning).accept_due()
    assert [] == Scheduler(ledger, schedule={"backup": "0 7 * * *"}, now=morning).accept_due()


def test_defaults_are_the_guides_and_can_be_switched_off(config: Config) -> None:
    """Only actions that exist have a default; the config's word replaces it, null removes it."""
    actions: dict[str, Any] = {"backup_database": None, "cleanup_expired_qr_codes": None}
    changed = config.model_copy(
        update={"schedule": {"backup_database": "0 4 * * *", "cleanup_expired_qr_codes": None}}
    )
    assert {"backup_database": "0 3 * * *", "cleanup_expired_qr_codes": "0 2 * * 0"} == dict(
        schedule_of(config, actions=actions)
    )
    assert {"backup_database": "0 4 * * *"} == dict(schedule_of(changed, actions=actions))
