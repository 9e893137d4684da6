"""The sample shop's data: what the demonstration and the other tests rely on."""

import hashlib
import json
import time
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

DATABASES = pytest.mark.parametrize("database", ["sqlite", "postgresql"])

WRONG_TOTALS = """
from django.db.models import F, Sum
from app.models import Order
sums = Order.objects.annotate(items_total=Sum(F("items__quantity") * F("items__unit_price")))
wrong = [order.number for order in sums if order.items_total != order.total]
result = {"orders": sums.count(), "wrong": wrong}
"""

FILES_OF_ROWS = """
from django.apps import apps
from django.db.models import FileField
result = sorted({
    name
    for model in apps.get_models() if not model._meta.proxy
    for field in model._meta.local_fields if isinstance(field, FileField)
    for name in model._base_manager.values_list(field.attname, flat=True) if name
})
"""


def files_under(folder: Path) -> dict[str, str]:
    """Return the files below ``folder`` with the digests of what they hold."""
    return {
        path.relative_to(folder).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in folder.rglob("*")
        if path.is_file()
    }


@DATABASES
def test_every_order_total_is_the_sum_of_its_items(make_shop: Callable[..., Any], database: str) -> None:
    """A filled shop keeps its invariant on both databases, with growth and a live writer on top."""
    shop = make_shop(database, orders=60)

    shop.manage("add_expired_qr_codes", "--count=3")
    told = shop.manage("place_orders", "--per-second=20", "--seconds=0.25")

    # Five, unless the machine was too busy for that many in the time.
    placed = int(told.partition("placed: ")[2].split()[0])
    assert 1 <= placed <= 5
    assert shop.evaluate(WRONG_TOTALS) == {"orders": 60 + 3 + placed, "wrong": []}


@DATABASES
def test_every_file_that_a_row_names_exists(make_shop: Callable[..., Any], database: str) -> None:
    """No row points to nothing; what no row names is a tracking image."""
    shop = make_shop(database, orders=60)

    named = set(shop.evaluate(FILES_OF_ROWS))
    on_disk = set(files_under(shop.data / "media"))

    assert set() == named - on_disk
    assert {"qr_codes/tracking_qr_MD"} == {name[:23] for name in on_disk - named}
    assert {"downloads", "hero_slides", "products", "qr_codes", "reviews"} == {
        name.split("/")[0] for name in named
    }


def test_every_image_opens(make_shop: Callable[..., Any]) -> None:
    """Every PNG and JPEG of a filled and grown shop is a valid image, padded ones too."""
    shop = make_shop(orders=60, options=("--media-bytes=200KB", "--qr-bytes=6KiB"))
    shop.manage("add_expired_qr_codes", "--count=2", "--file-bytes=30000")

    sizes = {}
    for path in sorted((shop.data / "media").rglob("*.[pj][np]g")):
        with Image.open(path) as image:
            image.load()
        sizes[path.name] = path.stat().st_size

    assert {6 * 1024} == {size for name, size in sizes.items() if "qr_MD00000" in name}
    assert {30_000} == {size for name, size in sizes.items() if name.endswith("_expired.png")}
    assert {True} == {
        199_990 < size <= 200_000 for name, size in sizes.items() if name.endswith("pepper_1.jpg")
    }


def test_the_same_seed_gives_the_same_shop(make_shop: Callable[..., Any]) -> None:
    """Rows and files depend on the seed and the moment alone."""
    moment = "--until=2026-01-31T12:00:00+07:00"
    shops = []
    for seed in (7, 7, 8):
        shop = make_shop(orders=None)
        shop.manage("fill_shop", "--orders=30", f"--seed={seed}", moment)
        shops.append(shop)

    first, again, other = ((shop.manage("dumpdata", "app", "auth.user", "admin")) for shop in shops)
    first_files, again_files, other_files = (files_under(shop.data / "media") for shop in shops)

    assert first == again
    assert first_files == again_files
    assert first != other
    assert first_files != other_files


@DATABASES
def test_half_of_the_codes_have_expired(make_shop: Callable[..., Any], database: str) -> None:
    """The share is exact, and the file of an expired code carries the time of its expiry."""
    shop = make_shop(database, orders=60)

    codes = shop.evaluate(
        "from app.models import OrderQRCode\n"
        "result = [(c.qr_code_image.name, c.expires_at.isoformat()) for c in OrderQRCode.objects.all()]"
    )
    now = time.time()
    expired = {name: at for name, text in codes if (at := datetime.fromisoformat(text).timestamp()) < now}

    assert (len(codes), len(expired)) == (60, 30)
    dates = {name: (shop.data / "media" / name).stat().st_mtime for name in expired}
    assert pytest.approx(expired, abs=0.001) == dates


def test_hidden_rows_exist(make_shop: Callable[..., Any]) -> None:
    """Some reviews are out of the default manager's sight, and one of them owns a photo."""
    shop = make_shop(orders=60)

    hidden = shop.evaluate(
        "from app.models import Review\n"
        "rows = Review.everything.filter(is_deleted=True)\n"
        "result = [Review.objects.count(), Review._base_manager.count(), rows.exclude(photo='').count()]"
    )

    assert hidden == [4, 6, 1]


def test_every_table_of_the_shop_has_rows(make_shop: Callable[..., Any]) -> None:
    """A backup of the shop has something to lose in every table."""
    shop = make_shop(orders=60)

    empty = shop.evaluate(
        "from django.apps import apps\n"
        "models = apps.get_models(include_auto_created=True)\n"
        "result = [m._meta.label for m in models if not m._base_manager.exists()]"
    )

    assert empty == []


@DATABASES
def test_growth_adds_what_it_says(make_shop: Callable[..., Any], database: str) -> None:
    """The printed orders, files and bytes are those on disk, expired as long ago as asked for."""
    shop = make_shop(database)
    media = shop.data / "media"
    before = set(files_under(media))

    added = json.loads(shop.manage("add_expired_qr_codes", "--bytes=1MB", "--days-ago=9", "--json"))

    new = [media / name for name in set(files_under(media)) - before]
    assert {key: added[key] for key in ("orders", "files", "bytes")} == {
        "orders": 10,
        "files": 20,
        "bytes": 1_000_000,
    }
    assert (len(new), sum(path.stat().st_size for path in new)) == (20, 1_000_000)
    assert {9} == {round((time.time() - path.stat().st_mtime) / 86_400) for path in new}
    assert (
        shop.evaluate(
            "from app.models import OrderQRCode\n"
            f"result = OrderQRCode.objects.filter(expires_at={added['expired_at']!r}).count()"
        )
        == 10
    )


def test_filling_twice_adds_orders(make_shop: Callable[..., Any]) -> None:
    """A second run continues the numbers and leaves the catalogue alone."""
    shop = make_shop()
    count = "from app.models import Order, Product\nresult = [Order.objects.count(), Product.objects.count()]"
    assert shop.evaluate(count) == [50, 14]

    shop.manage("fill_shop", "--orders=20")

    assert shop.evaluate(count) == [70, 14]


@DATABASES
def test_two_writers_never_share_a_number(make_shop: Callable[..., Any], database: str) -> None:
    """Two live writers at once both finish, and every order has a number of its own."""
    shop = make_shop(database)
    arguments = ("place_orders", "--per-second=40", "--seconds=1")

    with shop.start(*arguments) as one, shop.start(*arguments) as other:
        printed = [writer.communicate(timeout=60)[0] for writer in (one, other)]

    assert [one.returncode, other.returncode] == [0, 0]
    placed = [int(text.splitlines()[-1].split()[1]) for text in printed]
    assert {"orders": 50 + sum(placed), "wrong": []} == shop.evaluate(WRONG_TOTALS)
