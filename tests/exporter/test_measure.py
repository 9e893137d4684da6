"""Everything measured once, for a report."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from exporter.measure import NamedFile, measure_once
from storekeeper.config import parse_config
from storekeeper.errors import ShopError
from storekeeper.shop import Shop, ShopDescription

CONFIG = """
shop: madamda
project: {project}
state: {state}
databases: {{default: {{django: default, limit: 100MB}}}}
areas:
  media: {{path: media, limit: 500MB, groups: {{qr_codes: qr_codes}}}}
  static: {{path: staticfiles}}
  logs: {{path: logs}}
total: {{limit: 1GB}}
large_files: {{over: 100KB}}
"""


def test_report_of_a_whole_shop(make_shop: Callable[..., Any], tmp_path: Path) -> None:
    """Databases with rows, areas with groups, logs, large files, disks and the total stand in one value."""
    shop = make_shop("sqlite", copied=True)
    (shop.data / "media" / "វីដេអូ.mp4").write_bytes(b"x" * 300_000)
    text = CONFIG.format(project=shop.project, state=tmp_path / "state")
    config = parse_config(text, name="storekeeper.yml", folder=tmp_path)
    found = measure_once(config, describe=Shop.of(config).describe)
    assert () == found.problems
    [database] = found.databases
    assert (shop.data / "db.sqlite3").stat().st_size == database.size_bytes
    rows = {table.table: table.rows for table in found.tables}
    assert shop.evaluate("from app.models import Order; result = Order.objects.count()") == rows["app_order"]
    assert {"media", "static", "logs", "backups"} == set(found.areas)
    media = found.areas["media"].usage
    assert media is not None
    assert (500_000_000, len(list((shop.data / "media" / "qr_codes").iterdir()))) == (
        found.areas["media"].limit_bytes,
        media.groups["qr_codes"].files,
    )
    assert NamedFile(area="media", name="វីដេអូ.mp4", size_bytes=300_000) == found.large_files[0]
    assert {"django.log", "orders.log", "security.log"} == {log.name for log in found.logs}
    logs = found.areas["logs"].usage
    assert logs is not None
    assert (database.size_bytes or 0) + media.size_bytes + logs.size_bytes == found.total_size_bytes
    assert (1_000_000_000, 1) == (found.total_limit_bytes, len(found.disks))


@pytest.mark.parametrize("top", [1, 2])
def test_report_of_a_broken_shop_says_what_is_missing(tmp_path: Path, top: int) -> None:
    """Without its Django a shop still has areas and disks; what is not known is told once."""
    (tmp_path / "shop" / "media").mkdir(parents=True)
    for size in (200_000, 300_000, 400_000):
        (tmp_path / "shop" / "media" / f"{size}.mp4").write_bytes(b"x" * size)

    def describe() -> ShopDescription:
        raise ShopError("no Django here")

    text = CONFIG.format(project=tmp_path / "shop", state=tmp_path / "state")
    config = parse_config(text, name="storekeeper.yml", folder=tmp_path)
    found = measure_once(config, describe=describe, top=top)
    assert found.disks
    assert [400_000, 300_000][:top] == [file.size_bytes for file in found.large_files]
    assert (None, ()) == (found.total_size_bytes, found.tables)
    assert 1 == sum(problem == "no Django here" for problem in found.problems)
    assert all("no Django here" in problem for problem in found.problems)
