"""With a clock far ahead no way of starting an action removes anything by age, and the reason is named."""

import datetime as dt
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from actions.clock.check import ClockCheck
from actions.clock.judged import BY_AGE
from actions.ledger.file import LedgerFile
from actions.ledger.history import find_run
from actions.ledger.ledger import Ledger
from actions.ledger.rows import NewRun, NewStep
from actions.ledger.schema import Trigger
from actions.logs.member import Mark, MemberWriter
from actions.receiver.worker import Worker
from actions.runner import run_by_hand
from actions.table import ACTIONS
from storekeeper.errors import ClockInDoubt
from storekeeper.measure.usage import UsageReader

thorough = pytest.mark.thorough
EXPIRE = """
import datetime
from django.utils import timezone
from app.models import OrderQRCode
first = OrderQRCode.objects.order_by("pk").values_list("pk", flat=True)[:2]
OrderQRCode.objects.filter(pk__in=list(first)).update(expires_at=timezone.now() - datetime.timedelta(days=9))
result = list(OrderQRCode.objects.order_by("pk").values_list("pk", flat=True))
"""
ROWS = "from app.models import OrderQRCode\nresult = OrderQRCode.objects.count()"


@pytest.fixture
def keeper(make_keeper: Callable[..., Any], tmp_path: Path) -> Any:
    """A shop in which there is something to go by age for each action, by any clock."""
    logs = tmp_path / "logs"
    logs.mkdir()
    keeper = make_keeper(orders=30, options=("--expired-share=0",), more=f"areas:\n  logs: {{path: {logs}}}")
    keeper.shop.evaluate(EXPIRE)
    return keeper


@pytest.fixture
def make_keeper(make_keeper: Callable[..., Any]) -> Callable[..., Any]:
    """Keepers whose config has the areas of both."""

    def make(*arguments: Any, more: str, **options: Any) -> Any:
        keeper = make_keeper(*arguments, **options)
        path = keeper.config.state / "storekeeper.yml"
        text = path.read_text()
        logs = more.splitlines()[1].strip()
        path.write_text(text.replace("areas: {", "areas: {" + logs + ", "))
        from storekeeper.config import load_config

        keeper.config = load_config(path, environment={})
        return keeper

    return make


def old_archive(keeper: Any) -> Path:
    """Put an archive of storekeeper's own into the logs that is past its time."""
    path = Path(keeper.config.areas["logs"].path) / "app_2020_01.log.gz"
    with path.open("w+b") as stream:
        member = MemberWriter(stream, mark=Mark(shop=keeper.config.shop, archive=f"logs/{path.name}"))
        member.write(b"an order")
        member.close()
    os.utime(path, (1_580_000_000, 1_580_000_000))
    return path


def ahead(days: float) -> Callable[[], dt.datetime]:
    """Give a clock that is so many days ahead."""
    return lambda: dt.datetime.now().astimezone() + dt.timedelta(days=days)


def run(keeper: Any, name: str, *, days: float, dry_run: bool = False, **options: Any) -> Any:
    """Run an action from the command line with a clock that is so many days ahead."""
    action = ACTIONS[name]
    return run_by_hand(
        action,
        config=keeper.config,
        options=action.Options(**options),
        dry_run=dry_run,
        report=lambda _: None,
        now=ahead(days),
    )


def test_names_are_those_of_actions() -> None:
    """An action that is renamed is still held."""
    assert set(ACTIONS) >= set(BY_AGE)


@pytest.mark.parametrize(
    ("days", "known"),
    [
        (2, True),
        (730, False),
        *(pytest.param(days, known, marks=thorough) for days, known in ((2, False), (730, True))),
        *(pytest.param(29_220, known, marks=thorough) for known in (False, True)),
    ],
)
def test_qr_codes_and_media(keeper: Any, days: float, known: bool) -> None:
    """From cron and by hand: on a machine where storekeeper ran before, and on one where it never did."""
    if known:
        run(keeper, "backup_database", days=0)
        ClockCheck(keeper.config.state).confirm(who="anna")
    keeper.write("products/orphan.jpg", days=30)
    files, rows = keeper.files(), keeper.shop.evaluate(ROWS)
    for name in ("cleanup_expired_qr_codes", "cleanup_orphaned_media"):
        with pytest.raises(ClockInDoubt, match="removes nothing: the clock may be wrong") as error:
            run(keeper, name, days=days)
        for witness in ("the newest row by app.", "the newest file of ", "check-clock --is-right"):
            assert witness in str(error.value)
        told = run(keeper, name, days=days, dry_run=True).clock_doubt
        assert f"{days} days old" in told
        assert not known or f"last known to be right {days} days ago, by anna" in told
    assert files == keeper.files()
    assert rows == keeper.shop.evaluate(ROWS)


def test_right_clock_removes(keeper: Any) -> None:
    """The same shop by the real time."""
    outcome = run(keeper, "cleanup_expired_qr_codes", days=0).outcome
    assert outcome.details["rows"] == 2


@pytest.mark.parametrize(
    "trigger",
    [
        Trigger.ALERT,
        *(pytest.param(one, marks=thorough) for one in (Trigger.SCHEDULE, Trigger.PAGE, Trigger.API)),
    ],
)
def test_every_trigger(keeper: Any, trigger: Trigger) -> None:
    """Alert, schedule, page and API stop as the command line does."""
    ledger = Ledger(LedgerFile(keeper.config.state), now=ahead(2))
    worker = Worker(
        ledger,
        config=keeper.config,
        actions=ACTIONS,
        usage=UsageReader(keeper.config, describe=lambda: pytest.fail("nobody asks the shop")),
        stopping=lambda: False,
        pause=lambda _: None,
        now=ahead(2),
    )
    rows = keeper.shop.evaluate(ROWS)
    number = ledger.accept(
        NewRun(trigger=trigger, who="test", steps=[NewStep(action="cleanup_expired_qr_codes")])
    )
    assert number is not None
    worker.carry_out(number, 0)
    found = find_run(ledger.file, number)
    ledger.file.close()
    assert found is not None
    assert found["state"] == "failed"
    assert "far ahead of every witness" in found["error"]
    assert rows == keeper.shop.evaluate(ROWS)


def test_log_archives(keeper: Any) -> None:
    """Old archives stay; a rotation without any goes on by every clock, since no line is lost by it."""
    log = Path(keeper.config.areas["logs"].path) / "app.log"
    log.write_text("2020-01-01 10:00:00 INFO an order\n")
    run(keeper, "rotate_logs", days=730, keep="100 years")
    archive = old_archive(keeper)
    with pytest.raises(ClockInDoubt):
        run(keeper, "rotate_logs", days=730)
    assert archive.exists()


ALL = """
import datetime
from django.utils import timezone
from app.models import OrderQRCode
OrderQRCode.objects.update(expires_at=timezone.now() - datetime.timedelta(days=9))
result = 1
"""


def test_all_at_once(make_keeper: Callable[..., Any], tmp_path: Path) -> None:
    """Where every code of a kind has expired, rows and files alone do not vouch for the clock."""
    (tmp_path / "logs").mkdir()
    keeper = make_keeper(
        orders=30, options=("--expired-share=0",), more=f"\n  logs: {{path: {tmp_path}/logs}}"
    )
    keeper.shop.evaluate(ALL)
    before = keeper.files()
    with pytest.raises(ClockInDoubt, match=r"all \d+ images of payment have come to their end at once"):
        run(keeper, "cleanup_expired_qr_codes", days=0, force=False)
    assert before == keeper.files()
    ClockCheck(keeper.config.state).confirm(who="anna")
    run(keeper, "cleanup_expired_qr_codes", days=0, force=True)
    assert len(keeper.files()) < len(before)
