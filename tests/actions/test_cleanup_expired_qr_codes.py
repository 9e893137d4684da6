"""The cleanup of QR codes on a real shop: what goes, what stays, and that a dry run tells the truth."""

from collections.abc import Callable
from typing import Any

import pytest

from actions.cleanup_expired_qr_codes import CleanupExpiredQrCodes

ACTION = CleanupExpiredQrCodes()
BOTH = pytest.mark.parametrize("database", ["sqlite", "postgresql"])

ROWS = """
from app.models import OrderQRCode
result = {str(row.pk): row.qr_code_image.name for row in OrderQRCode.objects.order_by("pk")}
"""


def rows(keeper: Any) -> dict[str, str]:
    """Give key → name of the file, of every row."""
    return keeper.shop.evaluate(ROWS)


@BOTH
def test_removes_expired_codes_with_their_rows_and_old_tracking_codes(
    database: str, make_keeper: Callable[..., Any]
) -> None:
    """Codes that expired ten days ago go with their rows, tracking images of that age too; the rest stays."""
    keeper = make_keeper(database, orders=20, options=("--expired-share=0",))
    files_before, rows_before = keeper.files(), rows(keeper)
    keeper.shop.manage("add_expired_qr_codes", "--count=5", "--file-bytes=2KB")
    added = keeper.files() - files_before
    plan, outcome = keeper.run(ACTION)
    assert added == {f"qr_codes/{name}" for name in _names(plan)}
    assert files_before == keeper.files()
    assert rows_before == rows(keeper)
    assert len(added) == 10
    assert outcome.freed_bytes == plan.size_bytes == 10 * 2000
    assert outcome.changed == 15
    assert keeper.plan(ACTION).empty


def _names(plan: Any) -> list[str]:
    return [item["file"].removeprefix("qr_codes/") for item in plan.as_json()["items"] if item["file"]]
