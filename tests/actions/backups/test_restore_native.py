"""restore_backup of native backups: in one transaction or not at all, for PostgreSQL and SQLite."""

import os
import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psycopg
import pytest

from actions.backup_database import BackupDatabase
from actions.backups.manifest import write_manifest
from actions.backups.packing import file_sums
from actions.backups.sqlite_restore import restore_sqlite
from actions.restore_backup import RestoreBackup
from storekeeper.backups import read_manifest
from storekeeper.databases import DatabaseAddress, Engine
from storekeeper.errors import BackupRefused, DatabaseUnavailable

BOTH = pytest.mark.parametrize("database", ["sqlite", "postgresql"])
Factory = Callable[..., Any]
RowsOf = Callable[[Any], list[str]]

CHANGE = "from app.models import Customer\nCustomer.objects.update(name='somebody')\nresult = 1"


def native(kept: Any, **options: Any) -> Path:
    """Give a native backup of a shop."""
    path: Path = kept.run(BackupDatabase(), format="native", **options)[1].created[0]
    return path


@BOTH
def test_empty_database_is_filled(keeper: Factory, rows_of: RowsOf, database: str) -> None:
    """A database that migrate alone has seen takes every row, and goes on with its numbers."""
    kept = keeper(database, orders=20)
    path = native(kept)
    empty = keeper(database, orders=None)
    empty.run(RestoreBackup(), file=path)
    assert rows_of(empty.shop) == rows_of(kept.shop)
    empty.shop.manage("place_orders", "--per-second=20", "--seconds=0.2")


@BOTH
def test_database_with_rows_is_refused(keeper: Factory, rows_of: RowsOf, database: str) -> None:
    """Without replace nothing changes."""
    kept = keeper(database, orders=5)
    path = native(kept)
    before = rows_of(kept.shop)
    with pytest.raises(BackupRefused, match=r"holds \d+ rows in \d+ tables"):
        kept.run(RestoreBackup(), file=path)
    assert rows_of(kept.shop) == before


@BOTH
def test_replace_brings_back_what_was_and_keeps_what_is(
    keeper: Factory, rows_of: RowsOf, database: str
) -> None:
    """The rows are those of the backup again, tables made since are gone, and what was there is kept."""
    kept = keeper(database, orders=20)
    path = native(kept)
    before = rows_of(kept.shop)
    kept.shop.evaluate(
        "from django.db import connection\nc = connection.cursor()\n"
        "c.execute('CREATE TABLE later (name varchar(20) REFERENCES app_counter)')\n" + CHANGE
    )
    changed = rows_of(kept.shop)
    assert changed != before
    _, restored = kept.run(RestoreBackup(), file=path, replace=True)
    assert rows_of(kept.shop) == before
    tables = kept.shop.evaluate(
        "from django.db import connection\nresult = connection.introspection.table_names()"
    )
    assert "later" not in tables
    (aside,) = restored.created
    kept.run(RestoreBackup(), file=aside, replace=True)
    assert rows_of(kept.shop) == changed


@BOTH
def test_rows_that_are_not_the_manifests_are_never_committed(
    keeper: Factory, rows_of: RowsOf, database: str
) -> None:
    """Where a table has other rows than the manifest says, the database is as it was before."""
    kept = keeper(database, orders=5)
    path = native(kept)
    manifest = read_manifest(path)
    assert manifest is not None
    wrong = {**manifest.tables, "app_order": manifest.tables["app_order"].model_copy(update={"rows": 4711})}
    write_manifest(path, manifest.model_copy(update={"tables": wrong}))
    kept.shop.evaluate(CHANGE)
    before = rows_of(kept.shop)
    with pytest.raises(Exception, match=r"app_order.*(other rows|not 4711)"):
        kept.run(RestoreBackup(), file=path, replace=True)
    assert rows_of(kept.shop) == before


@BOTH
def test_backup_of_the_other_kind_is_refused(keeper: Factory, database: str) -> None:
    """A dump is not for SQLite, nor a file for PostgreSQL; the message says what is possible."""
    path = native(keeper(database, orders=None))
    other = keeper("sqlite" if database == "postgresql" else "postgresql", orders=None)
    with pytest.raises(BackupRefused, match="JSON backup can be restored into either"):
        other.run(RestoreBackup(), file=path, replace=True)


def test_dump_of_a_newer_server_is_refused(keeper: Factory) -> None:
    """The versions are compared before anything is done."""
    kept = keeper("postgresql", orders=None)
    path = native(kept)
    manifest = read_manifest(path)
    assert manifest is not None
    write_manifest(path, manifest.model_copy(update={"server": "postgresql 99.1"}))
    with pytest.raises(BackupRefused, match="made by PostgreSQL 99"):
        kept.run(RestoreBackup(), file=path)


def test_dump_that_ends_early_commits_nothing(keeper: Factory, rows_of: RowsOf) -> None:
    """A dump that pg_restore cannot read to its end, with sums that agree, leaves the database as it was."""
    kept = keeper("postgresql", orders=20)
    path = native(kept)
    data = path.read_bytes()
    cut = data[: len(data) * 9 // 10]
    path.write_bytes(cut)
    manifest = read_manifest(path)
    assert manifest is not None
    sha256, size_bytes = file_sums(path)
    write_manifest(path, manifest.model_copy(update={"sha256": sha256, "size_bytes": size_bytes}))
    kept.shop.evaluate(CHANGE)
    before = rows_of(kept.shop)
    with pytest.raises(Exception, match="pg_restore"):
        kept.run(RestoreBackup(), file=path, replace=True)
    assert rows_of(kept.shop) == before


def test_schemas_functions_types_and_views_are_replaced(keeper: Factory) -> None:
    """What else a PostgreSQL database holds comes back with it, and what stands in its way goes."""
    kept = keeper("postgresql", orders=None)
    with psycopg.connect(kept.shop.database_url, autocommit=True) as connection:
        connection.execute("CREATE SCHEMA reports; CREATE TYPE mood AS ENUM ('good');")
        connection.execute("CREATE FUNCTION one() RETURNS integer LANGUAGE sql AS 'SELECT 1'")
        connection.execute("CREATE TABLE reports.days (day date, mood mood DEFAULT 'good')")
        connection.execute("CREATE VIEW reports.all_days AS SELECT *, one() FROM reports.days")
        connection.execute("INSERT INTO reports.days (day) VALUES ('2026-03-04')")
        path = native(kept)
        connection.execute("CREATE FUNCTION two() RETURNS integer LANGUAGE sql AS 'SELECT one() + 1'")
        connection.execute("DELETE FROM reports.days")
        connection.execute("INSERT INTO app_counter (name, value) VALUES ('x', 1)")
        kept.run(RestoreBackup(), file=path, replace=True)
        assert connection.execute("SELECT mood, one FROM reports.all_days").fetchall() == [("good", 1)]
        assert connection.execute("SELECT to_regproc('two')").fetchall() == [(None,)]


def test_connections_that_are_open_see_the_restored_rows(keeper: Factory) -> None:
    """The shop goes on in SQLite's write-ahead log: its open connection reads what was restored."""
    kept = keeper(orders=10)
    file = kept.shop.data / "db.sqlite3"
    with sqlite3.connect(file) as connection:
        assert connection.execute("PRAGMA journal_mode = WAL").fetchone() == ("wal",)
        connection.execute("PRAGMA wal_autocheckpoint = 0")
        path = native(kept)
        connection.execute("UPDATE app_customer SET name = 'somebody'")
        connection.commit()
        assert (kept.shop.data / "db.sqlite3-wal").stat().st_size > 0
        inode = file.stat().st_ino
        kept.run(RestoreBackup(), file=path, replace=True)
        rows = connection.execute("SELECT count(*) FROM app_customer WHERE name = 'somebody'").fetchone()
        assert (rows, file.stat().st_ino) == ((0,), inode)
        assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        assert connection.execute("PRAGMA journal_mode").fetchone() == ("wal",)


def test_database_that_is_held_is_left_alone(keeper: Factory, rows_of: RowsOf) -> None:
    """While somebody writes and does not end, the restore gives up in time and changes nothing."""
    kept = keeper(orders=5)
    path = native(kept)
    manifest = read_manifest(path)
    assert manifest is not None
    before = rows_of(kept.shop)
    file = kept.shop.data / "db.sqlite3"
    address = DatabaseAddress(name="default", engine=Engine.SQLITE, path=file)
    with sqlite3.connect(file, isolation_level=None) as connection:
        connection.execute("BEGIN IMMEDIATE")
        with pytest.raises(DatabaseUnavailable, match="locked"):
            restore_sqlite(path, manifest, address=address, now=kept.now(), lock_seconds=0.5)
        connection.execute("ROLLBACK")
    assert rows_of(kept.shop) == before
    assert [name for name in os.listdir(kept.shop.data) if "partial" in name] == []


@pytest.mark.parametrize("damage", ["not a database", "a broken page"])
def test_damaged_file_is_set_aside(keeper: Factory, rows_of: RowsOf, damage: str) -> None:
    """A file that cannot be backed up any more is kept under another name, its log too."""
    kept = keeper(orders=10)
    path = native(kept)
    before = rows_of(kept.shop)
    file = kept.shop.data / "db.sqlite3"
    data = bytearray(file.read_bytes())
    if damage == "not a database":
        data[:16] = b"x" * 16
    else:
        data[4096 : len(data) // 2] = os.urandom(len(data) // 2 - 4096)
    file.write_bytes(data)
    (kept.shop.data / "db.sqlite3-wal").write_bytes(b"left by the crash")
    with pytest.raises(BackupRefused, match="is damaged"):
        kept.run(RestoreBackup(), file=path)
    plan, outcome = kept.run(RestoreBackup(), file=path, replace=True)
    (aside,) = outcome.created
    assert plan.damaged
    assert aside.read_bytes() == bytes(data)
    assert aside.with_name(aside.name + "-wal").read_bytes() == b"left by the crash"
    assert not (kept.shop.data / "db.sqlite3-wal").exists()
    assert rows_of(kept.shop) == before


def test_missing_file_is_made(keeper: Factory, rows_of: RowsOf) -> None:
    """Where the database has gone it is there again, without what a log of the old one would add."""
    kept = keeper(orders=10)
    path = native(kept, compress=False)
    before = rows_of(kept.shop)
    (kept.shop.data / "db.sqlite3").unlink()
    (kept.shop.data / "db.sqlite3-wal").write_bytes(b"left over")
    kept.run(RestoreBackup(), file=path)
    assert not (kept.shop.data / "db.sqlite3-wal").exists()
    assert rows_of(kept.shop) == before


def test_pages_of_another_size_fit(keeper: Factory, rows_of: RowsOf) -> None:
    """A backup with other pages than the database, which has a write-ahead log, is restored all the same."""
    kept = keeper(orders=5)
    file = kept.shop.data / "db.sqlite3"
    path = native(kept)
    before = rows_of(kept.shop)
    with sqlite3.connect(file, isolation_level=None) as connection:
        connection.execute("PRAGMA page_size = 1024")
        connection.execute("VACUUM")
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("UPDATE app_customer SET name = 'somebody'")
    connection.close()
    kept.run(RestoreBackup(), file=path, replace=True)
    assert rows_of(kept.shop) == before
