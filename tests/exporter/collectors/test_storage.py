"""The storage as one figure."""

import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Any

from exporter.measuring import Measuring
from storekeeper.config import Config

Parse = Callable[[str], Config]
Measure = Callable[..., Measuring]
ValuesOf = Callable[[Measuring], dict[Any, float]]

TOTAL = ("storekeeper_storage_size_bytes", ())


def test_nothing_counts_twice(parse: Parse, measure: Measure, values_of: ValuesOf, tmp_path: Path) -> None:
    """An area inside another, and a database file inside an area, are part of that area's bytes."""
    config = parse(
        """
databases: {inside: {url: "sqlite:///data/db"}, beside: {url: "sqlite:///db"}}
areas: {data: {path: data}, media: {path: data/media}}
total: {limit: 1GB}
"""
    )
    project = tmp_path / "shop"
    (project / "data" / "media").mkdir(parents=True)
    (project / "data" / "media" / "ក.jpg").write_bytes(b"x" * 5000)
    for path in (project / "data" / "db", project / "db"):
        with sqlite3.connect(path) as connection:
            connection.execute("CREATE TABLE t (a)")
    values = values_of(measure(config))
    data = values["storekeeper_area_size_bytes", (("area", "data"),)]
    assert data + (project / "db").stat().st_size == values[TOTAL]
    assert 1e9 == values["storekeeper_storage_limit_bytes", ()]


def test_part_of_the_sum_is_never_shown_as_the_sum(
    parse: Parse, measure: Measure, values_of: ValuesOf, tmp_path: Path
) -> None:
    """While a database has no size, or an area was never walked, there is no figure at all."""
    config = parse('databases: {default: {url: "sqlite:///db"}}\nareas: {media: {path: media}}')
    (tmp_path / "shop" / "media").mkdir()
    measuring = measure(config)
    values = values_of(measuring)
    assert TOTAL not in values
    assert 0 == values["storekeeper_collector_success", (("collector", "storage"),)]
    with sqlite3.connect(tmp_path / "shop" / "db") as connection:
        connection.execute("CREATE TABLE t (a)")
    measuring.run_once()
    assert TOTAL in values_of(measuring)
