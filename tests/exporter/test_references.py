"""Orphans and QR codes of a real shop, on SQLite and PostgreSQL."""

import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Literal

import pytest

from exporter.file_counts import FileCount, FilesUsage
from exporter.measuring import Measuring
from storekeeper.config import Config, parse_config
from storekeeper.shop import Shop

CONFIG = """
shop: madamda
project: {project}
state: {state}
databases: {{default: {{django: default}}}}
areas:
  media: {{path: media, ignore: ["cache/**/*"]}}
  logs: {{path: logs}}
orders: app.Order
qr_codes:
  payment:
    {{model: app.OrderQRCode, file: qr_code_image, expires: expires_at, pattern: "qr_codes/qr_MD*.png"}}
  tracking: {{pattern: "qr_codes/tracking_qr_*.png", keep: 7d}}
"""

FACTS = """
from app.models import *
from django.apps import apps
from django.db.models import FileField
from django.utils import timezone
codes = OrderQRCode.objects.exclude(qr_code_image="")
now = timezone.now()
result = {
    "expired": [c.qr_code_image.name for c in codes if c.expires_at <= now],
    "live": [c.qr_code_image.name for c in codes if c.expires_at > now],
    "orders": Order.objects.count(),
}
"""

Database = Literal["sqlite", "postgresql"]


@pytest.fixture(params=["sqlite", "postgresql"])
def shop(
    request: pytest.FixtureRequest, make_shop: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> Any:
    """A filled shop whose environment its own interpreter sees, too."""
    made = make_shop(request.param, copied=True)
    for name in ("SHOP_DATABASE_URL", "DJANGO_SETTINGS_MODULE"):
        if name in made.environment:
            monkeypatch.setenv(name, made.environment[name])
    return made


@pytest.fixture
def config(shop: Any, tmp_path: Path) -> Config:
    """The config of that shop."""
    text = CONFIG.format(project=shop.project, state=tmp_path / "state")
    return parse_config(text, name="storekeeper.yml", folder=tmp_path)


def compare(config: Config) -> FilesUsage:
    """Measure once and give the comparison of files and rows."""
    measuring = Measuring(config, describe=Shop.of(config).describe)
    measuring.run_once()
    assert "" == measuring.sources.files.latest.problem
    value = measuring.sources.files.latest.value
    assert value is not None
    return value


def count(media: Path, names: list[str]) -> FileCount:
    """Give number and bytes of files."""
    return FileCount(files=len(names), size_bytes=sum((media / name).stat().st_size for name in names))


def test_rows_and_files_agree_with_the_shop(shop: Any, config: Config) -> None:
    """Live and expired are what Django says of its rows; files that no row names are orphans."""
    media = shop.data / "media"
    facts = shop.evaluate(FACTS)
    before = compare(config)
    assert count(media, facts["expired"]) == before.codes["payment", "expired"]
    assert count(media, facts["live"]) == before.codes["payment", "live"]
    assert facts["expired"]
    assert facts["live"]
    # Whatever the sample shop leaves lying about stays the same below.
    for name, size in {
        "qr_codes/qr_MD999999_lost.png": 111,
        "products/គ្មានម្ចាស់.jpg": 222,
        "products/unnamed.jpg": 333,
        "cache/a/b/thumbnail.jpg": 444,
    }.items():
        (media / name).parent.mkdir(parents=True, exist_ok=True)
        (media / name).write_bytes(b"x" * size)
    after = compare(config)
    assert before.orphans["media"] + FileCount(files=2, size_bytes=555) == after.orphans["media"]
    lost = FileCount(files=1, size_bytes=111)
    assert before.codes["payment", "orphaned"] + lost == after.codes["payment", "orphaned"]
    assert {"media"} == set(after.orphans)


def test_row_whose_file_is_missing_counts_without_bytes(shop: Any, config: Config) -> None:
    """An expired row is still there to be cleaned when its file has gone already."""
    media = shop.data / "media"
    gone, *rest = shop.evaluate(FACTS)["expired"]
    (media / gone).unlink()
    expected = FileCount(files=len(rest) + 1, size_bytes=count(media, rest).size_bytes)
    assert expected == compare(config).codes["payment", "expired"]


def test_row_that_the_managers_hide_still_names_its_file(shop: Any, config: Config) -> None:
    """A file of a soft-deleted row is no orphan."""
    before = compare(config).orphans["media"]
    (shop.data / "media" / "reviews").mkdir(exist_ok=True)
    (shop.data / "media" / "reviews" / "hidden.jpg").write_bytes(b"x")
    shop.evaluate(
        "from app.models import *\n"
        "Review.everything.create(product=Product.objects.first(), rating=1, is_deleted=True,"
        " photo='reviews/hidden.jpg')\n"
        "result = Review.objects.filter(photo='reviews/hidden.jpg').count()"
    )
    assert before == compare(config).orphans["media"]


def test_age_decides_where_there_are_no_rows(shop: Any, config: Config) -> None:
    """A tracking image is expired once it is older than its kind keeps."""
    before = compare(config).codes
    folder = shop.data / "media" / "qr_codes"
    for name, age_days in (("tracking_qr_new.png", 6.9), ("tracking_qr_old.png", 7.1)):
        (folder / name).write_bytes(b"x" * 10)
        moment = time.time() - age_days * 86400
        os.utime(folder / name, (moment, moment))
    after = compare(config).codes
    one = FileCount(files=1, size_bytes=10)
    assert before["tracking", "live"] + one == after["tracking", "live"]
    assert before["tracking", "expired"] + one == after["tracking", "expired"]
    assert FileCount() == after["tracking", "orphaned"]


def test_query_that_fails_gives_no_numbers(shop: Any, config: Config) -> None:
    """Half the rows would make orphans of the other half's files: the last result stays, and its age."""
    measuring = Measuring(config, describe=Shop.of(config).describe)
    measuring.run_once()
    good = measuring.sources.files.latest
    shop.evaluate(
        "from django.db import connection\n"
        "connection.cursor().execute('ALTER TABLE app_review RENAME TO app_review_away')\n"
        "result = 0"
    )
    measuring.run_once()
    now = measuring.sources.files.latest
    assert "app_review" in now.problem
    assert (good.value, good.measured_at) == (now.value, now.measured_at)


def test_orders_are_counted(shop: Any, config: Config) -> None:
    """The figure to compare growth with is the number of rows of the model in the config."""
    measuring = Measuring(config, describe=Shop.of(config).describe)
    measuring.run_once()
    samples = {
        sample.name: sample.value
        for family in measuring.scraper.scrape(timeout_seconds=10)
        for sample in family.samples
    }
    assert shop.evaluate(FACTS)["orders"] == samples["storekeeper_orders"]
