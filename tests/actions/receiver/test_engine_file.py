"""The engine's file: damaged, gone, held by others, or opened by an SQLite that lacks DBOS' clock."""

import sqlite3
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
import requests

from actions.receiver import dbos_life
from actions.receiver.engine_file import EngineFile, is_damage
from storekeeper.config import Config
from tests.receiver_url import receiver_url


def garbage(path: Path) -> None:
    path.write_bytes(b"\x00\xff no database " * 400)


def cut(path: Path) -> None:
    """Leave the first page of a file that had many."""
    with path.open("r+b") as file:
        file.truncate(4096)


def pages_of_zeros(path: Path) -> None:
    """Keep the header and the length, as a disk does that lost what was written."""
    with path.open("r+b") as file:
        file.seek(4096)
        file.write(bytes(path.stat().st_size - 4096))


def newer_version(path: Path) -> None:
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("UPDATE dbos_migrations SET version = 9999")


def version_without_its_tables(path: Path) -> None:
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("DROP TABLE workflow_status")


def older_version_with_newer_tables(path: Path) -> None:
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("UPDATE dbos_migrations SET version = 1")


def tables_of_something_else(path: Path) -> None:
    path.unlink()
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("CREATE TABLE workflow_status (x)")


DAMAGES = (
    garbage,
    cut,
    pages_of_zeros,
    newer_version,
    version_without_its_tables,
    older_version_with_newer_tables,
    tables_of_something_else,
)


@pytest.fixture(scope="module")
def whole_file(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """What the file of an engine holds that has worked once and was stopped in good order."""
    file = EngineFile(tmp_path_factory.mktemp("engine"))
    sql = file.open()
    dbos_life.begin(file.path, sql, version="1", run=lambda run, steps: None)
    dbos_life.end(seconds=0)
    sql.dispose()
    with closing(sqlite3.connect(file.path)) as connection:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    return file.path.read_bytes()


@pytest.fixture
def engine_path(config: Config, whole_file: bytes) -> Path:
    """Such a file in the state folder of a receiver that is to start."""
    config.state.mkdir(mode=0o700)
    path = config.state / "dbos.sqlite3"
    path.write_bytes(whole_file)
    return path


@pytest.mark.parametrize("damage", DAMAGES)
def test_damaged_file_is_set_aside_and_runs_begin(
    damage: Callable[[Path], None], engine_path: Path, request: pytest.FixtureRequest, alert: Any
) -> None:
    """Whatever is wrong with it, the receiver starts, is ready, and carries out what the ledger holds."""
    damage(engine_path)
    receiver = request.getfixturevalue("receiver")
    assert 200 == receiver.get("/-/ready").status_code
    (run,) = receiver.send(alert("StorageUsageWarning", resource="media")).json()["runs"]
    assert "done" == receiver.wait_for(run, "done", "failed")["state"]
    assert 1 == len(
        [one for one in engine_path.parent.glob("dbos.sqlite3.damaged-*") if one.suffix != "-wal"]
    )


@pytest.mark.parametrize("damage", [garbage, Path.unlink])
def test_file_that_breaks_while_the_receiver_works(
    damage: Callable[[Path], None], receiver: Any, config: Config, alert: Any
) -> None:
    """An accepted run is carried out with a new file, and readiness is told truly in between."""
    path = config.state / "dbos.sqlite3"
    damage(path)
    assert receiver.get("/-/ready").status_code in (200, 503)
    (run,) = receiver.send(alert("StorageUsageWarning", resource="media")).json()["runs"]
    assert "done" == receiver.wait_for(run, "done", "failed")["state"]
    assert b"SQLite format 3" == path.read_bytes()[:15]


def test_readiness_says_that_no_run_can_begin(engine_path: Path, config: Config, serve: Any) -> None:
    """While another program holds the file, whoever may know is told that nothing is acted on, and why."""
    with closing(sqlite3.connect(engine_path, isolation_level=None)) as holder:
        holder.execute("PRAGMA locking_mode = EXCLUSIVE")
        holder.execute("BEGIN EXCLUSIVE")
        url = serve()
        told = requests.get(f"{url}/-/ready", timeout=30)
        assert (503, True) == (told.status_code, "alerts are stored, but no run begins" in told.text)
        assert "locked" in told.text
        through_proxy = requests.get(f"{url}/-/ready", headers={"via": "1.1 edge"}, timeout=30)
        assert (503, "not ready\n") == (through_proxy.status_code, through_proxy.text)
    known = receiver_url(config.state, url.rpartition(":")[2])
    deadline = time.monotonic() + 40
    while requests.get(f"{known}/-/ready", timeout=30).status_code != 200:
        assert time.monotonic() < deadline
        time.sleep(0.2)


def test_what_passes_is_no_damage() -> None:
    """A full disk or a lock sets no file aside; nor does an error that is none of SQLite's."""
    for code, damaged in ((sqlite3.SQLITE_FULL, False), (sqlite3.SQLITE_BUSY, False), (11, True), (26, True)):
        error = sqlite3.DatabaseError("x")
        error.sqlite_errorcode = code
        assert damaged == is_damage(error)
    assert not is_damage(OSError(28, "No space left on device"))
    assert not is_damage(RuntimeError("x"))


def test_only_the_newest_damaged_files_are_kept(tmp_path: Path) -> None:
    """A disk that damages a file each day is not filled with them."""
    for _ in range(5):
        (tmp_path / "dbos.sqlite3").write_bytes(b"x")
        (tmp_path / "dbos.sqlite3-wal").write_bytes(b"x")
        EngineFile(tmp_path).set_aside("a test")
    assert 4 == len(list(tmp_path.iterdir()))


def test_rows_have_their_time_with_any_sqlite(tmp_path: Path) -> None:
    """``unixepoch('subsec')`` counts parts of a second, also in defaults, also before SQLite 3.42."""
    import sqlalchemy as sa

    sql = EngineFile(tmp_path).open()
    before = time.time()
    with sql.begin() as connection:
        connection.execute(
            sa.text("CREATE TABLE t (a INTEGER, at INTEGER NOT NULL DEFAULT (unixepoch('subsec') * 1000))")
        )
        connection.execute(sa.text("INSERT INTO t (a) VALUES (1)"))
        at = connection.execute(sa.text("SELECT at FROM t")).scalar_one()
    sql.dispose()
    assert before * 1000 - 2 <= at <= time.time() * 1000 + 2
