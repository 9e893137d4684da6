"""Rows and bytes of tables, against ``count(*)``."""

import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psycopg
import pytest

from exporter.measuring import Measuring
from exporter.rows import measure_tables
from storekeeper.config import Config
from storekeeper.databases import DatabaseAddress, Engine, address_from_url

Parse = Callable[[str], Config]
Measure = Callable[..., Measuring]
ValuesOf = Callable[[Measuring], dict[Any, float]]

NAMES = ("order", 'odd "name"', "ទំនិញ", "empty")


def fill_sqlite(path: Path, *, rows: int) -> DatabaseAddress:
    """Make tables with names that need quoting."""
    with sqlite3.connect(path) as connection:
        for name in NAMES:
            quoted = name.replace('"', '""')
            connection.execute(f'CREATE TABLE "{quoted}" (id INTEGER PRIMARY KEY, text TEXT)')
            if name != "empty":
                connection.executemany(f'INSERT INTO "{quoted}" (text) VALUES (?)', [("x" * 100,)] * rows)
        connection.execute('CREATE INDEX by_text ON "order" (text)')
        connection.execute("CREATE VIEW looks AS SELECT * FROM empty")
    return DatabaseAddress(name="default", engine=Engine.SQLITE, path=path)


def rows_of(address: DatabaseAddress, *, exact_rows_below: int) -> dict[str, tuple[int | None, bool]]:
    """Give (rows, exact) of each table."""
    found = {}
    for table in measure_tables(address, exact_rows_below=exact_rows_below):
        assert not isinstance(table, str)
        found[table.table] = table.rows, table.exact
    return found


def test_sqlite_rows_are_counted(tmp_path: Path) -> None:
    """Below the limit each ordinary table has its exact number, whatever its name; views have none."""
    address = fill_sqlite(tmp_path / "db", rows=30)
    expected = {name: (0 if name == "empty" else 30, True) for name in NAMES}
    assert expected == rows_of(address, exact_rows_below=31)


def test_sqlite_rows_are_estimated_from_the_limit_on(tmp_path: Path) -> None:
    """A large table is not read to its end: the row numbers, or ANALYZE, tell about how many there are."""
    address = fill_sqlite(tmp_path / "db", rows=30)
    assert (30, False) == rows_of(address, exact_rows_below=30)["order"]
    with sqlite3.connect(tmp_path / "db") as connection:
        connection.execute('DELETE FROM "order" WHERE id BETWEEN 5 AND 20')
    assert (30, False) == rows_of(address, exact_rows_below=10)["order"]
    with sqlite3.connect(tmp_path / "db") as connection:
        connection.execute("ANALYZE")
    assert (14, False) == rows_of(address, exact_rows_below=10)["order"]


def test_sqlite_sizes_add_up_to_the_file(tmp_path: Path) -> None:
    """Tables with their indexes, and SQLite's own page, are the whole file."""
    address = fill_sqlite(tmp_path / "db", rows=300)
    sizes = []
    for table in measure_tables(address, exact_rows_below=1000):
        assert not isinstance(table, str)
        sizes.append(table.size_bytes or 0)
    with sqlite3.connect(tmp_path / "db") as connection:
        [page] = connection.execute("PRAGMA page_size").fetchone()
    assert (tmp_path / "db").stat().st_size - page == sum(sizes)


@pytest.fixture
def postgresql_url(postgresql_server: Any) -> Any:
    """A database with tables in two schemas, dropped afterwards."""
    url = postgresql_server.create_database("exporter_tables")
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("CREATE SCHEMA shop")
        connection.execute('CREATE TABLE "ទំនិញ" (id int)')
        connection.execute("CREATE TABLE shop.orders (id int)")
        connection.execute('INSERT INTO "ទំនិញ" SELECT generate_series(1, 500)')
        connection.execute("INSERT INTO shop.orders SELECT generate_series(1, 40)")
    yield url
    postgresql_server.drop_database("exporter_tables")


def test_postgresql_rows_are_counted_and_estimated(postgresql_url: str, tmp_path: Path) -> None:
    """Below the limit count(*), from there on the planner's figure; schemas apart from public are named."""
    address = address_from_url("default", url=postgresql_url, project=tmp_path)
    expected = {"ទំនិញ": (500, True), "shop.orders": (40, True)}
    assert expected == rows_of(address, exact_rows_below=501)
    with psycopg.connect(postgresql_url, autocommit=True) as connection:
        connection.execute("ANALYZE")
    assert {"ទំនិញ": (500, False), "shop.orders": (40, True)} == rows_of(address, exact_rows_below=100)


def test_table_that_may_not_be_read_hides_no_other(postgresql_url: str, tmp_path: Path) -> None:
    """Without the right to one table the others are counted, and the problem names it."""
    with psycopg.connect(postgresql_url, autocommit=True) as connection:
        connection.execute("CREATE ROLE exporter_guest LOGIN")
        connection.execute('GRANT SELECT ON "ទំនិញ" TO exporter_guest')
    try:
        url = postgresql_url.replace("//postgres:@", "//exporter_guest@")
        assert url != postgresql_url
        found = list(
            measure_tables(address_from_url("default", url=url, project=tmp_path), exact_rows_below=1000)
        )
        assert [500] == [table.rows for table in found if not isinstance(table, str) and table.exact]
        [problem] = [table for table in found if isinstance(table, str)]
        assert "table shop.orders of database default" in problem
    finally:
        with psycopg.connect(postgresql_url, autocommit=True) as connection:
            connection.execute("DROP OWNED BY exporter_guest")
            connection.execute("DROP ROLE exporter_guest")


def test_dropped_table_loses_its_series(
    parse: Parse, measure: Measure, values_of: ValuesOf, tmp_path: Path
) -> None:
    """A table that is gone is not shown with its last number."""
    config = parse('databases: {default: {url: "sqlite:///db"}}')
    fill_sqlite(tmp_path / "shop" / "db", rows=3)
    measuring = measure(config)
    key = ("storekeeper_table_rows", (("database", "default"), ("table", "order")))
    assert 3 == values_of(measuring)[key]
    with sqlite3.connect(tmp_path / "shop" / "db") as connection:
        connection.execute('DROP TABLE "order"')
    measuring.run_once()
    assert key not in values_of(measuring)
