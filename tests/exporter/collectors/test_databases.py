"""Sizes and reachability of databases, against the databases' own words."""

import socket
import sqlite3
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest

from exporter.collectors.databases import DatabasesCollector
from exporter.measuring import Measuring
from storekeeper.config import Config
from storekeeper.errors import ShopError
from storekeeper.shop import ShopDescription

Parse = Callable[[str], Config]
Measure = Callable[..., Measuring]
ValuesOf = Callable[[Measuring], dict[Any, float]]


def label(**labels: str) -> tuple[tuple[str, str], ...]:
    """Give labels as they are keyed."""
    return tuple(sorted(labels.items()))


@pytest.fixture
def sqlite_file(tmp_path: Path) -> Iterator[sqlite3.Connection]:
    """A database with free pages, written with a write-ahead log that is not checkpointed."""
    (tmp_path / "shop").mkdir(exist_ok=True)
    connection = sqlite3.connect(tmp_path / "shop" / "ហាង.sqlite3", isolation_level=None)
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("CREATE TABLE photo (data BLOB)")
    connection.executemany("INSERT INTO photo VALUES (zeroblob(9000))", [()] * 50)
    connection.execute("DELETE FROM photo WHERE rowid <= 40")
    yield connection
    connection.close()


def test_sqlite_size_and_free_pages(
    parse: Parse, measure: Measure, values_of: ValuesOf, sqlite_file: sqlite3.Connection, tmp_path: Path
) -> None:
    """Size is the file with its log and shared memory; reclaimable is what the free pages hold."""
    config = parse('databases: {default: {url: "sqlite:///ហាង.sqlite3", limit: 1MB}}')
    values = values_of(measure(config))
    on_disk = sum(path.stat().st_size for path in (tmp_path / "shop").glob("ហាង.sqlite3*"))
    assert on_disk == values["storekeeper_database_size_bytes", label(database="default")]
    assert 3 == len(list((tmp_path / "shop").glob("ហាង.sqlite3*")))
    [free] = sqlite_file.execute("PRAGMA freelist_count").fetchone()
    [page] = sqlite_file.execute("PRAGMA page_size").fetchone()
    assert free > 0
    assert free * page == values["storekeeper_database_reclaimable_bytes", label(database="default")]
    assert 1e6 == values["storekeeper_database_limit_bytes", label(database="default")]
    assert 1 == values["storekeeper_database_up", label(database="default")]


def test_sqlite_size_is_page_count_times_page_size(
    parse: Parse, measure: Measure, values_of: ValuesOf, sqlite_file: sqlite3.Connection
) -> None:
    """Without a write-ahead log the size is what SQLite itself counts."""
    sqlite_file.execute("PRAGMA journal_mode = DELETE")
    [pages] = sqlite_file.execute("PRAGMA page_count").fetchone()
    [page] = sqlite_file.execute("PRAGMA page_size").fetchone()
    values = values_of(measure(parse('databases: {default: {url: "sqlite:///ហាង.sqlite3"}}')))
    assert pages * page == values["storekeeper_database_size_bytes", label(database="default")]


def test_postgresql_size_and_dead_rows(
    parse: Parse, measure: Measure, values_of: ValuesOf, postgresql_server: Any
) -> None:
    """Size is pg_database_size; rows that were deleted and not vacuumed are reclaimable."""
    url = postgresql_server.create_database("exporter_sizes")
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("CREATE TABLE photo (id int, data text) WITH (autovacuum_enabled = off)")
        connection.execute("INSERT INTO photo SELECT n, repeat('x', 500) FROM generate_series(1, 2000) n")
        connection.execute("DELETE FROM photo WHERE id <= 1000")
        connection.execute("SELECT pg_stat_force_next_flush()")
        connection.execute("SELECT 1")
        row = connection.execute(
            "SELECT pg_database_size(current_database()), pg_relation_size('photo')"
        ).fetchone()
        assert row is not None
    values = values_of(measure(parse(f'databases: {{default: {{url: "{url}"}}}}')))
    assert row[0] == values["storekeeper_database_size_bytes", label(database="default")]
    reclaimable = values["storekeeper_database_reclaimable_bytes", label(database="default")]
    assert abs(reclaimable - row[1] / 2) <= row[1] * 0.01


def test_database_that_is_down_hides_no_other(
    parse: Parse, measure: Measure, values_of: ValuesOf, sqlite_file: sqlite3.Connection, tmp_path: Path
) -> None:
    """Missing, damaged and unreachable databases have up 0; the one that answers is shown whole."""
    (tmp_path / "shop" / "damaged.sqlite3").write_bytes(b"this is no database" * 100)
    config = parse(
        """
databases:
  missing: {url: "sqlite:///no.sqlite3"}
  damaged: {url: "sqlite:///damaged.sqlite3"}
  unreachable: {url: "postgresql://shop@127.0.0.1:1/shop"}
  broken_shop: {django: default}
  no_file: {url_file: /no/such/file}
  good: {url: "sqlite:///ហាង.sqlite3"}
"""
    )
    values = values_of(measure(config))
    names = ["missing", "damaged", "unreachable", "broken_shop", "no_file", "good"]
    ups = [values["storekeeper_database_up", label(database=name)] for name in names]
    assert [0, 0, 0, 0, 0, 1] == ups
    assert ("storekeeper_database_size_bytes", label(database="good")) in values
    assert 1900 == values["storekeeper_database_size_bytes", label(database="damaged")]
    assert ("storekeeper_database_size_bytes", label(database="missing")) not in values
    assert 0 == values["storekeeper_collector_success", label(collector="databases")]


def test_url_file_is_read_at_each_attempt(
    parse: Parse, measure: Measure, values_of: ValuesOf, sqlite_file: sqlite3.Connection, tmp_path: Path
) -> None:
    """A password that was changed in the file is used without a restart."""
    url_file = tmp_path / "shop" / "url"
    url_file.write_text("sqlite:///no.sqlite3", "utf-8")
    measuring = measure(parse("databases: {default: {url_file: url}}"))
    key = ("storekeeper_database_up", label(database="default"))
    assert 0 == values_of(measuring)[key]
    url_file.write_text("sqlite:///ហាង.sqlite3\n", "utf-8")
    assert 1 == values_of(measuring)[key]


def no_shop() -> ShopDescription:
    """Be a shop that is broken."""
    raise ShopError("the shop is broken")


def test_database_that_hangs_hides_no_other(parse: Parse) -> None:
    """A server that takes connections and never answers is down after a moment; the others are shown."""
    with socket.create_server(("127.0.0.1", 0)) as silent:
        port = silent.getsockname()[1]
        sources = Measuring(
            parse(
                f"""
databases:
  silent: {{url: "postgresql://shop@127.0.0.1:{port}/shop", limit: 1MB}}
  missing: {{url: "sqlite:///no.sqlite3"}}
"""
            ),
            describe=no_shop,
        ).sources
        collected = DatabasesCollector(sources, patience_seconds=0.3).collect()
    ups = {sample.labels["database"]: sample.value for sample in collected.families[0].samples}
    assert {"silent": 0, "missing": 0} == ups
    assert "database silent: no answer within" in collected.problems[0]
    assert "there is no file" in collected.problems[1]


def test_locked_sqlite_has_a_size_and_is_told(parse: Parse, sqlite_file: sqlite3.Connection) -> None:
    """While somebody holds the whole file for themselves its size is known from the disk."""
    sqlite_file.execute("PRAGMA journal_mode = DELETE")
    sqlite_file.execute("BEGIN EXCLUSIVE")
    config = parse('databases: {default: {url: "sqlite:///ហាង.sqlite3"}}')
    sources = Measuring(config, describe=no_shop).sources
    usage = sources.databases.measure("default")
    assert (False, True) == (usage.up, "locked" in usage.problem)
    assert usage.size_bytes
    sqlite_file.execute("ROLLBACK")
    assert sources.databases.measure("default").up
