"""What a JSON backup does not hold is asked of the database itself, and named."""

from actions.backups.left_out import left_out_of, sequence_losses
from storekeeper.backups import RawSums, TableSum

RAW = RawSums.model_validate(
    {
        "method": "x",
        "tables": {
            name: {"rows": 1} for name in ("app_order", "legacy", "other.days", "days_1", "django_migrations")
        },
        "unread": {"closed": "permission denied"},
        "sequences": {
            "invoice_no": {"value": 500},
            "app_order_id_seq": {"value": 100, "owner": "app_order", "highest": 90},
            "even": {"value": 7, "owner": "app_note", "highest": 7},
            "never": {"value": 1, "is_called": False, "owner": "app_note", "highest": None},
        },
        "others": {"large objects": 3, "views (v, w)": 2},
        "partitions": ["days_1"],
    }
)
TABLES = {"app.Order": TableSum(rows=1, checksum="", stored_as="app_order")}


def test_everything_that_no_line_holds_is_named() -> None:
    """Tables of other schemas and roles, but no partitions; sequences, views; what the shop named stays."""
    shop = {"app.Legacy": "Django does not manage its table legacy: migrate would not create it"}
    found = left_out_of(RAW, tables=TABLES, by_shop=shop)
    assert list(found) == [
        "app.Legacy",
        "other.days",
        "closed",
        "sequence invoice_no",
        "3 large objects",
        "2 views (v, w)",
    ]
    assert "500" in found["sequence invoice_no"]


def test_without_sums_the_word_of_the_shop_stands() -> None:
    """Where SQL could not be asked, nothing is added and nothing is lost."""
    assert left_out_of(None, tables=TABLES, by_shop={"legacy": "why"}) == {"legacy": "why"}
    assert list(sequence_losses(None)) == []


def test_keys_that_loaddata_would_give_again_are_named() -> None:
    """A sequence that is ahead of the rows is told; one that is not, or was never used, is not."""
    assert dict(sequence_losses(RAW)) == {
        "app_order (sequence app_order_id_seq)": "the keys from 91 to 100 were given already"
    }
