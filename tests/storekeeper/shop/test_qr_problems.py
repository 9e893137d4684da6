"""What the shop's fields say about a kind of QR codes of the config."""

import pytest

from storekeeper.config import QrCodes
from storekeeper.shop import ShopDescription
from storekeeper.shop.qr_sources import problem_of
from tests.storekeeper.shop.test_orphan_notes import described


def shop(kind: str) -> ShopDescription:
    """Describe a shop whose model has a file and an expiry of this kind."""
    plain = described(file=("codes", False))
    (model,) = plain.models
    return plain.model_copy(update={"models": (model.model_copy(update={"kinds": {"expires_at": kind}}),)})


@pytest.mark.parametrize(
    ("kind", "expected"),
    [
        ("DateTimeField", ""),
        ("DateField", ""),
        ("CharField", "app.Paper.expires_at is a CharField, no date and no time"),
        ("IntegerField", "is a IntegerField"),
    ],
)
def test_an_expiry_is_a_date_or_a_moment(kind: str, expected: str) -> None:
    """Anything else sorts otherwise than time goes by."""
    codes = QrCodes(model="app.Paper", file="file", expires="expires_at")
    found = problem_of("payment", codes, description=shop(kind))
    assert expected in found
    assert bool(expected) is bool(found)


@pytest.mark.parametrize(
    ("more", "expected"),
    [
        ({"expires": "gone"}, "has no field gone"),
        ({"file": "gone"}, "no file field app.Paper.gone"),
        ({"model": "app.Gone"}, "no file field app.Gone.file"),
    ],
)
def test_what_the_shop_does_not_have(more: dict[str, str], expected: str) -> None:
    """A mistyped name is told."""
    codes = QrCodes(**{"model": "app.Paper", "file": "file", "expires": "expires_at", **more})  # type: ignore[arg-type]
    assert expected in problem_of("payment", codes, description=shop("DateTimeField"))
    assert "" == problem_of("t", QrCodes(pattern="a/*"), description=shop("DateTimeField"))
