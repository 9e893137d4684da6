"""Areas, against ``du``."""

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

from exporter.measuring import Measuring
from storekeeper.config import Config
from tests.sizes import allocated_bytes, file_bytes

Parse = Callable[[str], Config]
Measure = Callable[..., Measuring]
ValuesOf = Callable[[Measuring], dict[Any, float]]

AREAS = """
areas:
  media: {path: media, limit: 500MB, groups: {qr_codes: qr_codes, products: ផលិតផល}}
  static: {path: staticfiles}
large_files: {over: 10KB}
"""


def area(name: str) -> tuple[tuple[str, str], ...]:
    """Give the label of an area."""
    return (("area", name),)


def group(area_name: str, name: str) -> tuple[tuple[str, str], ...]:
    """Give the labels of a group."""
    return (("area", area_name), ("group", name))


def fill(shop: Path) -> None:
    """Write a small tree with Khmer names, a link and a file with two names."""
    (shop / "media" / "qr_codes").mkdir(parents=True)
    (shop / "media" / "ផលិតផល" / "រូប").mkdir(parents=True)
    (shop / "media" / "qr_codes" / "qr_MD1.png").write_bytes(b"a" * 300)
    (shop / "media" / "ផលិតផល" / "រូប" / "ក.jpg").write_bytes(b"b" * 20_000)
    (shop / "media" / "ផលិតផល" / "again.jpg").hardlink_to(shop / "media" / "ផលិតផល" / "រូប" / "ក.jpg")
    (shop / "media" / "loop").symlink_to(shop / "media")


def test_sizes_are_those_of_du(parse: Parse, measure: Measure, values_of: ValuesOf, tmp_path: Path) -> None:
    """Apparent and allocated bytes of areas and groups equal du's, files equal find's."""
    config = parse(AREAS)
    fill(tmp_path / "shop")
    values = values_of(measure(config))
    media = tmp_path / "shop" / "media"
    assert file_bytes(media) == values["storekeeper_area_size_bytes", area("media")]
    assert allocated_bytes(media) == values["storekeeper_area_allocated_bytes", area("media")]
    assert (
        file_bytes(media / "qr_codes") == values["storekeeper_group_size_bytes", group("media", "qr_codes")]
    )
    assert (3, 1, 2) == (
        values["storekeeper_area_files", area("media")],
        values["storekeeper_group_files", group("media", "qr_codes")],
        values["storekeeper_area_large_files", area("media")],
    )
    assert 500e6 == values["storekeeper_area_limit_bytes", area("media")]


def test_folder_that_is_not_there_has_no_series_and_is_no_failure(
    parse: Parse, measure: Measure, values_of: ValuesOf, tmp_path: Path
) -> None:
    """A shop that has not collected its static files yet is not broken."""
    config = parse(AREAS)
    fill(tmp_path / "shop")
    values = values_of(measure(config))
    assert ("storekeeper_area_size_bytes", area("static")) not in values
    assert ("storekeeper_area_size_bytes", area("backups")) not in values
    assert 1 == values["storekeeper_collector_success", (("collector", "areas"),)]


def test_series_of_what_is_gone_end(
    parse: Parse, measure: Measure, values_of: ValuesOf, tmp_path: Path
) -> None:
    """A removed area or group is not shown with its last value."""
    config = parse(AREAS)
    fill(tmp_path / "shop")
    (tmp_path / "shop" / "backups").mkdir()
    measuring = measure(config)
    assert ("storekeeper_area_size_bytes", area("backups")) in values_of(measuring)
    shutil.rmtree(tmp_path / "shop" / "backups")
    shutil.rmtree(tmp_path / "shop" / "media" / "qr_codes")
    measuring.run_once()
    values = values_of(measuring)
    assert ("storekeeper_area_size_bytes", area("backups")) not in values
    assert 0 == values.get(("storekeeper_group_files", group("media", "qr_codes")), 0)
    shutil.rmtree(tmp_path / "shop" / "media")
    measuring.run_once()
    gone = values_of(measuring)
    assert [] == [labels for name, labels in gone if name.startswith("storekeeper_area_size")]


def test_change_is_seen_by_the_next_walk(
    parse: Parse, measure: Measure, values_of: ValuesOf, tmp_path: Path
) -> None:
    """Files that were added and removed count at the next measurement."""
    config = parse(AREAS)
    fill(tmp_path / "shop")
    measuring = measure(config)
    (tmp_path / "shop" / "media" / "qr_codes" / "qr_MD2.png").write_bytes(b"c" * 700)
    (tmp_path / "shop" / "media" / "qr_codes" / "qr_MD1.png").unlink()
    measuring.run_once()
    values = values_of(measuring)
    assert file_bytes(tmp_path / "shop" / "media") == values["storekeeper_area_size_bytes", area("media")]
