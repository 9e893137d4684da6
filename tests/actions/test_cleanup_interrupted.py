"""The cleanup of QR codes killed in the middle, beside a busy shop, and over random histories."""

import signal
import subprocess
import sys
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from actions.cleanup_expired_qr_codes import CleanupExpiredQrCodes

ACTION = CleanupExpiredQrCodes()

# Runs the action and dies, without any chance to tidy up, at its n-th report.
DYING_RUN = """
import datetime as dt, os, signal, sys
from pathlib import Path
from actions.action import Context
from actions.cleanup_expired_qr_codes import CleanupExpiredQrCodes
from storekeeper.config import load_config
from storekeeper.shop import Shop

left = int(sys.argv[2])

def report(progress):
    global left
    left -= 1
    if not left:
        os.kill(os.getpid(), signal.SIGKILL)

config = load_config(Path(sys.argv[1]), environment={})
context = Context(config=config, shop=Shop.of(config), now=lambda: dt.datetime.now(tz=dt.UTC), report=report)
action = CleanupExpiredQrCodes()
options = action.Options()
action.perform(context, options, action.plan(context, options))
"""

NAMES = """
from app.models import OrderQRCode
result = [[row.qr_code_image.name, row.expires_at.timestamp()] for row in OrderQRCode.objects.all()]
"""


def named(keeper: Any) -> set[str]:
    """Give the files that rows name."""
    return {name for name, _ in keeper.shop.evaluate(NAMES) if name}


@pytest.mark.parametrize("database", ["sqlite", "postgresql"])
@pytest.mark.parametrize(
    "report", [1, *(pytest.param(report, marks=pytest.mark.thorough) for report in (2, 3, 4))]
)
def test_the_next_run_finishes_what_a_killed_run_began(
    database: str, report: int, make_keeper: Callable[..., Any]
) -> None:
    """
    Killed among the tracking files, before the rows, between rows and files, and among the files.

    Never is there a row without its file, and the next run leaves nothing behind, though the files that
    lost their rows look new.
    """
    keeper = make_keeper(database, orders=12, options=("--expired-share=0",))
    before = keeper.files()
    keeper.shop.manage("add_expired_qr_codes", "--count=120", "--file-bytes=1KB")
    config = keeper.config.state / "storekeeper.yml"
    ended = subprocess.run([sys.executable, "-c", DYING_RUN, config, str(report)])
    assert ended.returncode == -signal.SIGKILL
    files = keeper.files()
    assert files > before
    assert named(keeper) <= files
    keeper.run(ACTION)
    assert keeper.files() == before
    assert keeper.plan(ACTION).empty


@pytest.mark.parametrize("database", ["sqlite", "postgresql"])
def test_orders_placed_meanwhile_keep_their_codes(database: str, make_keeper: Callable[..., Any]) -> None:
    """While customers order and codes are cleaned, no order fails and no live row loses its file."""
    keeper = make_keeper(database, orders=12, options=("--expired-share=0",))
    with keeper.shop.start("place_orders", "--per-second=20", "--seconds=6", "--seed=1") as customers:
        assert customers.stdout.readline() == "placing orders\n"
        while customers.poll() is None:
            keeper.shop.manage("add_expired_qr_codes", "--count=5", "--file-bytes=1KB")
            keeper.run(ACTION, days=1)
        assert "placed:" in customers.stdout.read()
    assert customers.returncode == 0
    assert named(keeper) <= keeper.files()
    assert keeper.plan(ACTION, days=1).empty


HISTORY = """
import datetime
from django.utils import timezone
from app.models import OrderQRCode
codes = list(OrderQRCode.objects.order_by("pk"))
for code, (name, days) in zip(codes, {codes!r}):
    code.qr_code_image, code.expires_at = name, timezone.now() - datetime.timedelta(days=days)
OrderQRCode.objects.bulk_update(codes, ["qr_code_image", "expires_at"])
result = 1
"""

CODES = st.lists(st.tuples(st.integers(0, 4), st.sampled_from([-5, 0.5, 3, 9, 40])), min_size=3, max_size=8)
FILE_DAYS = st.lists(st.sampled_from([None, 0, 2, 8, 50]), min_size=5, max_size=5)


@pytest.fixture
def histories(make_keeper: Callable[..., Any]) -> Any:
    """A shop with more rows than any history uses."""
    return make_keeper(orders=24, options=("--expired-share=0",))


@settings(
    max_examples=8,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(codes=CODES, file_days=FILE_DAYS, days=st.sampled_from([None, 0, 1, 30]), force=st.booleans())
def test_no_history_costs_a_file_that_a_row_names(
    histories: Any, codes: list[tuple[int, float]], file_days: list[int | None], days: int | None, force: bool
) -> None:
    """Rows that share files, of any age, with any option: what a remaining row names is where it was."""
    for number, age in enumerate(file_days):
        path = histories.media / f"qr_codes/qr_H{number}.png"
        path.unlink(missing_ok=True)
        if age is not None:
            histories.write(f"qr_codes/qr_H{number}.png", days=age)
    history = [(f"qr_codes/qr_H{number}.png", days_ago) for number, days_ago in codes]
    histories.shop.evaluate(HISTORY.format(codes=history))
    before = histories.files()
    plan, _ = histories.run(ACTION, days=days, force=force)
    files, still_named = histories.files(), named(histories)
    assert still_named & before <= files
    assert before - files == {item["file"] for item in plan.as_json()["items"] if item["file"]}
