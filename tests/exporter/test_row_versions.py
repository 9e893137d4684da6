"""Whether rows changed, told without reading one."""

import itertools
import os
import sqlite3
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest

from exporter.row_versions import database_version, has_table, tables_version
from storekeeper.databases import DatabaseAddress, Engine, address_from_url

NUMBERS = itertools.count()


@pytest.fixture
def postgresql(postgresql_server: Any) -> Iterator[str]:
    """The URL of a database with a table, a view and a table with a child."""
    name = f"row_versions_{next(NUMBERS)}"
    url = postgresql_server.create_database(name)
    run(
        url,
        'CREATE TABLE "Odd name" (id int)',
        "CREATE VIEW seen AS SELECT 1 AS id",
        "CREATE TABLE parent (id int)",
        "CREATE TABLE child () INHERITS (parent)",
    )
    yield url
    postgresql_server.drop_database(name)


def run(url: str, *statements: str) -> None:
    """Run statements in a session, and wait until that has ended and so told what it did."""
    with psycopg.connect(url, autocommit=True) as connection:
        for statement in statements:
            connection.execute(statement)
        session = connection.info.backend_pid
    with psycopg.connect(url, autocommit=True) as connection:
        is_there = "SELECT 1 FROM pg_stat_activity WHERE pid = %s"
        while connection.execute(is_there, (session,)).fetchone():
            time.sleep(0.01)


def address_of(url: str) -> DatabaseAddress:
    """Give the address of a URL."""
    return address_from_url("default", url=url, project=Path())


def version(url: str, *tables: str) -> Any:
    """Give the version of the rows of tables."""
    return tables_version(address_of(url), tables=tables)


@pytest.mark.parametrize(
    "statement",
    [
        'INSERT INTO "Odd name" VALUES (1)',
        'UPDATE "Odd name" SET id = 7',
        'DELETE FROM "Odd name"',
        'TRUNCATE "Odd name"',
        'DROP TABLE "Odd name"; CREATE TABLE "Odd name" (id int)',
        'ALTER TABLE "Odd name" RENAME TO away',
    ],
)
def test_each_change_of_a_table_is_another_version(postgresql: str, statement: str) -> None:
    """Rows that come, change or go, and another table in its place, are told; rest is rest."""
    run(postgresql, 'INSERT INTO "Odd name" VALUES (0)')
    before = version(postgresql, "Odd name")
    assert before is not None
    assert before == version(postgresql, "Odd name")
    run(postgresql, statement)
    deadline = time.monotonic() + 30
    while version(postgresql, "Odd name") == before and time.monotonic() < deadline:
        time.sleep(0.05)
    assert before != version(postgresql, "Odd name")


@pytest.mark.parametrize("table", ["seen", "parent"])
def test_what_counts_nothing_under_its_own_name_has_no_version(postgresql: str, table: str) -> None:
    """A view shows the rows of others, a parent those of its children."""
    assert version(postgresql, "Odd name", table) is None


def test_a_table_that_is_missing_has_a_version(postgresql: str) -> None:
    """It is the same until the table is made."""
    before = version(postgresql, "later")
    assert before is not None
    run(postgresql, "CREATE TABLE later (id int)")
    assert before != version(postgresql, "later")
    address = address_of(postgresql)
    assert [True, False] == [has_table(address, table=table) for table in ("later", "never")]


@pytest.mark.parametrize("mode", ["delete", "wal"])
def test_sqlite_tells_each_commit_once_it_is_settled(tmp_path: Path, mode: str) -> None:
    """Just after a change nobody can say; later the same files are the same version, and a commit another."""
    path = tmp_path / "db.sqlite3"
    address = DatabaseAddress(name="default", engine=Engine.SQLITE, path=path)
    clock: Callable[[], float] = lambda: time.time() + 10  # noqa: E731 - a clock, not a function of the test
    connection = sqlite3.connect(path, isolation_level=None)
    connection.execute(f"PRAGMA journal_mode = {mode}")
    connection.execute("CREATE TABLE rows (id)")
    assert tables_version(address, tables=["rows"]) is None
    before = tables_version(address, tables=["rows"], clock=clock)
    assert before is not None
    assert before == tables_version(address, tables=["rows"], clock=clock)
    # Another tick of the filesystem's clock.
    time.sleep(0.02)
    connection.execute("INSERT INTO rows VALUES (1)")
    assert before != tables_version(address, tables=["rows"], clock=clock)
    assert [True, False] == [has_table(address, table=table) for table in ("rows", "never")]
    connection.close()
    os.unlink(path)
    assert tables_version(address, tables=["rows"], clock=clock) is None


def test_a_change_of_any_table_is_another_version_of_its_database(postgresql: str) -> None:
    """Tables in other schemas and partitions count as well, a new one too; rest is rest."""
    run(postgresql, "CREATE SCHEMA other", "CREATE TABLE other.t (id int)")
    address = address_of(postgresql)
    for statement in (
        "INSERT INTO other.t VALUES (1)",
        "INSERT INTO child VALUES (1)",
        "CREATE TABLE later (id int)",
        "TRUNCATE other.t",
    ):
        before = database_version(address)
        assert before is not None
        run(postgresql, statement)
        deadline = time.monotonic() + 30
        while database_version(address) == before and time.monotonic() < deadline:
            time.sleep(0.05)
        assert before != database_version(address)
        assert database_version(address) == database_version(address)
