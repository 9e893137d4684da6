"""JSON backups that are taken while customers order, restored by Django's own migrate and loaddata."""

from collections.abc import Callable
from typing import Any

import pytest

from actions.backup_database import BackupDatabase
from storekeeper.backups import read_manifest

BOTH = pytest.mark.parametrize("database", ["sqlite", "postgresql"])

# Each order's total is the sum of its items; both are written in one transaction.
BROKEN_ORDERS = """
from decimal import Decimal
from app.models import Order
sums = {order.pk: [order.total, Decimal(0)] for order in Order.objects.all()}
from app.models import OrderItem
for item in OrderItem.objects.all():
    sums[item.order_id][1] += item.quantity * item.unit_price
result = [len(sums), sorted(str(key) for key, (total, found) in sums.items() if total != found)]
"""


@BOTH
def test_copy_of_a_busy_shop_keeps_what_each_transaction_kept(
    keeper: Callable[..., Any], make_shop: Callable[..., Any], database: str, thorough: bool
) -> None:
    """Whenever the backup is taken, in the restored shop no order's total differs from its items' sum."""
    rounds = 20 if thorough else 2
    kept = keeper(database, orders=50)
    seen = []
    with kept.shop.start("place_orders", "--per-second=100", "--seconds=3600") as writer:
        try:
            assert writer.stdout is not None
            writer.stdout.readline()
            paths = [kept.run(BackupDatabase())[1].created[0] for _ in range(rounds)]
            assert writer.poll() is None, "nobody wrote while we read"
        finally:
            writer.terminate()
    for path in paths:
        restored = make_shop(database, orders=None)
        restored.manage("loaddata", str(path))
        orders, broken = restored.evaluate(BROKEN_ORDERS)
        assert [] == broken
        manifest = read_manifest(path)
        assert manifest is not None
        assert manifest.tables["app.Order"].rows == orders
        seen.append(orders)
    assert sorted(set(seen)) == seen, "nobody wrote while we read"


@BOTH
def test_restored_rows_are_the_rows(
    keeper: Callable[..., Any],
    make_shop: Callable[..., Any],
    rows_of: Callable[[Any], list[str]],
    database: str,
) -> None:
    """After migrate and loaddata every table has the very values of the shop, as the database holds them."""
    kept = keeper(database, orders=50)
    expected = rows_of(kept.shop)
    path = kept.run(BackupDatabase())[1].created[0]
    restored = make_shop(database, orders=None)
    restored.manage("loaddata", str(path))
    assert expected == rows_of(restored)
