"""What a real shop says about when it was last alive."""

import datetime as dt
import os
from collections.abc import Callable
from typing import Any

import pytest

from actions.clock.signs import Kind, find_witnesses
from storekeeper.shop import Shop

DAY = 86400.0

AGED = """
import datetime
from django.utils import timezone
from app.models import *
now = timezone.now()
for number, order in enumerate(Order.objects.order_by("pk")):
    Order.objects.filter(pk=order.pk).update(placed_at=now - datetime.timedelta(days=30 + number))
Order.objects.filter(pk=order.pk).update(placed_at=now + datetime.timedelta(days=3))
Note.objects.all().delete()
result = timezone.now().timestamp()
"""


def look(keeper: Any, *, now: float) -> dict[str, tuple[float, ...]]:
    """Give the moments of each witness."""
    found = find_witnesses(keeper.config, shop=Shop.of(keeper.config), now=now)
    assert found.servers == ()
    return {one.what: one.moments for one in found.signs}


@pytest.mark.parametrize("database", ["sqlite", "postgresql"])
def test_rows_speak_by_the_columns_that_django_fills(database: str, make_keeper: Callable[..., Any]) -> None:
    """Day by day, nothing from the future; an expiry, a birthday and a date in a catalogue say nothing."""
    keeper = make_keeper(database, orders=12)
    now = keeper.shop.evaluate(AGED)
    found = look(keeper, now=now)
    orders = found["the newest row by app.Order.placed_at"]
    assert [round((now - moment) / DAY) for moment in orders] == list(range(30, 41))
    assert all(abs((now - moment) % DAY) < 60 or DAY - (now - moment) % DAY < 60 for moment in orders)
    told = " ".join(found)
    assert "app.OrderQRCode.created_at" in told
    assert "app.Note" not in told
    for name in ("expires", "born_on", "starts_at", "ends_at", "deliver_on"):
        assert name not in told


def test_files_speak_by_the_later_of_both_times(make_keeper: Callable[..., Any]) -> None:
    """A copied-in file keeps an old mtime, and one whose mtime lies ahead is as old as its ctime."""
    keeper = make_keeper(orders=2)
    path = keeper.write("products/new.jpg", days=50)
    now = path.stat().st_ctime + 1
    os.utime(path, (now + 90 * DAY, now + 90 * DAY))
    newest = find_witnesses(keeper.config, shop=Shop.of(keeper.config), now=now).signs
    (files,) = [one for one in newest if one.kind is Kind.FILE]
    assert now - files.moments[0] < 60
    assert "products/new.jpg" in files.what


def test_shop_that_does_not_answer_has_no_rows(make_keeper: Callable[..., Any]) -> None:
    """Its files still speak."""
    keeper = make_keeper(orders=2)
    keeper.config = keeper.config.model_copy(update={"python": keeper.config.state / "no-python"})
    now = dt.datetime.now().timestamp()
    assert {one.split(" (")[0] for one in look(keeper, now=now)} == {"the newest file of media"}


LOCKED = "LOCK TABLE app_order IN ACCESS EXCLUSIVE MODE"


def test_locked_table_says_nothing(make_keeper: Callable[..., Any]) -> None:
    """The others are heard; nobody waits for long."""
    import psycopg

    keeper = make_keeper("postgresql", orders=2)
    with psycopg.connect(keeper.shop.database_url) as connection:
        connection.execute(LOCKED)
        told = " ".join(look(keeper, now=dt.datetime.now().timestamp()))
    assert "app.Order.placed_at" not in told
    assert "app.OrderQRCode.created_at" in told
