"""Files, rows and the time each change what is counted; while they rest, nothing is read."""

import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from exporter.file_counts import FileCount, FilesUsage
from exporter.measuring import Measuring
from storekeeper.config import Config, parse_config
from storekeeper.shop import Shop, ShopDescription

CONFIG = """
shop: madamda
project: {project}
state: {state}
databases: {{default: {{django: default}}}}
areas:
  media: {{path: media, ignore: [cache]}}
  inside: {{path: media/exports}}
qr_codes:
  payment:
    {{model: app.OrderQRCode, file: qr_code_image, expires: expires_at, pattern: "qr_codes/qr_MD*.png"}}
  tracking: {{pattern: "qr_codes/tracking_qr_*.png", keep: 7d}}
"""
EXPIRED = ("payment", "expired")


class Watched:
    """A shop that is measured again and again, with a clock that the test moves."""

    def __init__(self, shop: Any, *, state: Path) -> None:
        self.shop = shop
        self.media = shop.data / "media"
        self.config: Config = parse_config(
            CONFIG.format(project=shop.project, state=state), name="storekeeper.yml", folder=state
        )
        self.ahead_seconds = 0.0
        self._description: ShopDescription = Shop.of(self.config).describe()
        self._measuring = Measuring(
            self.config,
            describe=lambda: self._description,
            clock=lambda: time.time() + self.ahead_seconds,
        )
        self._measuring.shop.job.run_once()

    def measure(self) -> FilesUsage:
        """Walk and compare once."""
        self._measuring.sources.scans["media"].run_once()
        latest = self._measuring.sources.files.run_once()
        assert "" == latest.problem
        assert latest.value is not None
        return latest.value


@pytest.fixture(params=["sqlite", "postgresql"])
def watched(
    request: pytest.FixtureRequest,
    make_shop: Callable[..., Any],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> Watched:
    """A shop at rest that was measured once: nothing of it has changed for a while."""
    made = make_shop(request.param, copied=True)
    for name in ("SHOP_DATABASE_URL", "DJANGO_SETTINGS_MODULE"):
        if name in made.environment:
            monkeypatch.setenv(name, made.environment[name])
    long_ago = time.time() - 3600
    for path in Path(made.data).glob("*.sqlite3*"):
        os.utime(path, (long_ago, long_ago))
    watched = Watched(made, state=tmp_path)
    watched.measure()
    return watched


def test_nothing_is_counted_anew_while_nothing_changes(watched: Watched) -> None:
    """The very same values are given again: no row was read."""
    before, after = watched.measure(), watched.measure()
    assert before.codes[EXPIRED] is after.codes[EXPIRED]
    assert before.orphans["media"] is after.orphans["media"]


def test_a_change_of_rows_is_seen(watched: Watched) -> None:
    """A file whose row goes is an orphan, although no folder has changed."""
    before = watched.measure().orphans["media"]
    name = watched.shop.evaluate(
        "from app.models import *\n"
        "product = Product.objects.exclude(image='').first()\n"
        "result = product.image.name\n"
        "Product.objects.filter(image=result).update(image='')"
    )
    size = (watched.media / name).stat().st_size
    deadline = time.monotonic() + 30
    while (after := watched.measure().orphans["media"]) == before and time.monotonic() < deadline:
        time.sleep(0.2)
    assert before + FileCount(files=1, size_bytes=size) == after


def test_a_change_of_files_is_seen(watched: Watched) -> None:
    """A new file without a row is an orphan at once, and none when it has gone."""
    before = watched.measure().orphans["media"]
    path = watched.media / "products" / "new.jpg"
    path.write_bytes(b"x" * 77)
    assert before + FileCount(files=1, size_bytes=77) == watched.measure().orphans["media"]
    path.unlink()
    assert before == watched.measure().orphans["media"]


def test_rows_expire_with_the_time_alone(watched: Watched) -> None:
    """A code counts as expired from its moment on, without any change of rows or files."""
    before = watched.measure().codes
    watched.ahead_seconds = 400 * 86400
    after = watched.measure().codes
    assert before["payment", "live"].files
    assert 0 == after["payment", "live"].files
    assert before["payment", "live"] + before[EXPIRED] == after[EXPIRED]


def test_files_without_rows_become_old_with_the_time_alone(watched: Watched) -> None:
    """A tracking image counts as expired a week after its last change."""
    before = watched.measure().codes
    watched.ahead_seconds = 400 * 86400
    after = watched.measure().codes
    assert before["tracking", "live"] + before["tracking", "expired"] == after["tracking", "expired"]


def test_only_uploads_are_judged(watched: Watched) -> None:
    """What is ignored, set aside by storekeeper, or in another area's folder is no orphan."""
    before = watched.measure().orphans["media"]
    for name in ("cache/deep/thumbnail.jpg", ".storekeeper-trash/left.jpg", "exports/orders.csv"):
        (watched.media / name).parent.mkdir(parents=True, exist_ok=True)
        (watched.media / name).write_bytes(b"x")
    assert before == watched.measure().orphans["media"]
