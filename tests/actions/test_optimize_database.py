"""Optimizing databases: they shrink, no row changes, and it is refused where it would be unsafe."""

import datetime as dt
import sqlite3
import stat
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psycopg
import pytest

from actions.backups.manifest import write_manifest
from actions.optimization.postgresql import data_folder, optimize_postgresql
from actions.optimize_database import OptimizeDatabase
from storekeeper.backups import Manifest
from storekeeper.databases import address_from_url
from storekeeper.databases.maintenance import maintain_postgresql
from storekeeper.errors import BackupRefused, DatabaseUnavailable, NotEnoughSpace, StorekeeperError

ACTION = OptimizeDatabase(lock_seconds=0.5)
BOTH = pytest.mark.parametrize("database", ["sqlite", "postgresql"])

FILL = """
from django.db import connection, transaction
with transaction.atomic(), connection.cursor() as cursor:
    cursor.execute("CREATE TABLE ballast (id integer primary key, text varchar(200))")
    cursor.execute("CREATE INDEX ballast_text ON ballast (text)")
    cursor.executemany(
        "INSERT INTO ballast VALUES (%s, %s)", [(n, f"{n:06d}" + "x" * 150) for n in range(20000)]
    )
    cursor.execute("DELETE FROM ballast WHERE id > 100")
result = None
"""

ROWS = """
import hashlib
from django.db import connection
result = {}
with connection.cursor() as cursor:
    for table in connection.introspection.table_names():
        cursor.execute(f'SELECT * FROM "{table}" ORDER BY 1')
        result[table] = hashlib.sha256(repr(cursor.fetchall()).encode()).hexdigest()
# SQLite keeps what ANALYZE found in a table.
result.pop("sqlite_stat1", None)
"""


def back_up(keeper: Any, *, age: dt.timedelta = dt.timedelta(), verified: bool = True) -> Path:
    """Put a backup with its manifest where backups are."""
    created = dt.datetime.now(tz=dt.UTC) - age
    path = keeper.config.backups.path / f"db_backup_{created:%Y%m%d_%H%M%S}.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("[]")
    manifest = Manifest(
        file=path.name,
        created=created,
        database="default",
        format="json",
        sha256="",
        size_bytes=2,
        verified=created if verified else None,
    )
    write_manifest(path, manifest)
    return path


@pytest.fixture
def filled(make_keeper: Callable[..., Any]) -> Callable[..., Any]:
    """A factory of shops in which a table was filled and emptied again."""

    def make(database: str) -> Any:
        keeper = make_keeper(database, orders=10)
        keeper.shop.evaluate(FILL)
        return keeper

    return make


def sql(keeper: Any) -> "psycopg.Connection[Any]":
    return psycopg.connect(keeper.shop.database_url, autocommit=True)


@BOTH
def test_gives_space_back_and_changes_no_row(database: str, filled: Callable[..., Any]) -> None:
    """After a mass delete the database shrinks by most of the deleted rows, and every row is as it was."""
    keeper = filled(database)
    back_up(keeper)
    rows = keeper.shop.evaluate(ROWS)
    _, outcome = keeper.run(ACTION)
    assert rows == keeper.shop.evaluate(ROWS)
    assert outcome.freed_bytes > 3_000_000
    assert outcome.freed_bytes == outcome.details["before_bytes"] - outcome.details["after_bytes"]
    assert [] == outcome.details["databases"][0]["notes"]


@BOTH
@pytest.mark.parametrize(
    ("age", "verified", "words"),
    [
        (None, True, "default has no verified backup"),
        (dt.timedelta(hours=1), False, "default has no verified backup"),
        (dt.timedelta(hours=25), True, "more than a day ago"),
    ],
)
def test_refuses_without_a_fresh_verified_backup(
    database: str, age: dt.timedelta | None, verified: bool, words: str, filled: Callable[..., Any]
) -> None:
    """Without one, with one that no restore proved, or with an old one, nothing is touched."""
    keeper = filled(database)
    if age is not None:
        back_up(keeper, age=age, verified=verified)
    assert words in keeper.plan(ACTION).summary
    before = keeper.plan(ACTION).databases[0].size_bytes
    with pytest.raises(BackupRefused, match=words) as caught:
        keeper.run(ACTION)
    assert "storekeeper backup_database --verify" in caught.value.hint
    assert before == keeper.plan(ACTION).databases[0].size_bytes


def test_a_backup_that_was_cut_short_does_not_count(filled: Callable[..., Any]) -> None:
    """The manifest says how large the file was; one of another size proves nothing."""
    keeper = filled("sqlite")
    back_up(keeper).write_text("[")
    with pytest.raises(BackupRefused):
        keeper.run(ACTION)


@BOTH
def test_refuses_without_room(database: str, filled: Callable[..., Any]) -> None:
    """Where twice the file, or twice the largest index, does not fit, nothing is begun."""
    keeper = filled(database)
    back_up(keeper)
    plan = keeper.plan(ACTION)
    needed = plan.databases[0].needed_bytes
    with pytest.raises(NotEnoughSpace, match="needs"):
        keeper.run(OptimizeDatabase(free=lambda folder: needed - 1))
    assert plan.databases[0].size_bytes == keeper.plan(ACTION).databases[0].size_bytes
    keeper.run(OptimizeDatabase(free=lambda folder: needed + 10_000_000))


def test_sqlite_keeps_its_file_and_its_mode(filled: Callable[..., Any]) -> None:
    """The file stays the same one, and nobody else may read it than before."""
    keeper = filled("sqlite")
    back_up(keeper)
    path = keeper.shop.data / "db.sqlite3"
    path.chmod(0o640)
    before = path.stat()
    keeper.run(ACTION)
    assert (before.st_ino, 0o640) == (path.stat().st_ino, stat.S_IMODE(path.stat().st_mode))


def test_sqlite_with_a_write_ahead_log_shrinks_too(filled: Callable[..., Any]) -> None:
    """The old pages do not stay behind in the write-ahead log."""
    keeper = filled("sqlite")
    back_up(keeper)
    with sqlite3.connect(keeper.shop.data / "db.sqlite3") as connection:
        connection.execute("PRAGMA journal_mode = WAL")
        _, outcome = keeper.run(ACTION)
        assert outcome.freed_bytes > 3_000_000
    connection.close()


def test_sqlite_in_use_is_told_plainly(filled: Callable[..., Any]) -> None:
    """While somebody writes, the run waits its time, says so and leaves the database as it is."""
    keeper = filled("sqlite")
    back_up(keeper)
    path = keeper.shop.data / "db.sqlite3"
    connection = sqlite3.connect(path, isolation_level=None)
    connection.execute("BEGIN IMMEDIATE")
    with pytest.raises(DatabaseUnavailable, match="is in use: database is locked"):
        keeper.run(ACTION)
    connection.execute("ROLLBACK")
    connection.close()
    keeper.run(ACTION)


def test_a_damaged_sqlite_database_is_not_rewritten(filled: Callable[..., Any]) -> None:
    """VACUUM would carry the damage on, so a database that fails its check stays as it is."""
    keeper = filled("sqlite")
    back_up(keeper)
    path = keeper.shop.data / "db.sqlite3"
    connection = sqlite3.connect(path)
    (root,) = connection.execute("SELECT rootpage FROM sqlite_master WHERE name = 'ballast_text'").fetchone()
    (page,) = connection.execute("PRAGMA page_size").fetchone()
    connection.close()
    with path.open("r+b") as file:
        file.seek((root - 1) * page + 8)
        file.write(b"\xff" * 200)
    damaged = path.read_bytes()
    action = OptimizeDatabase(lock_seconds=0.5)
    plan = keeper.plan(action)
    with pytest.raises(StorekeeperError, match=r"damaged already|malformed"):
        action.perform(keeper.context(), action.Options(), plan)
    assert damaged == path.read_bytes()


def test_postgresql_drops_what_an_interrupted_rebuild_left(filled: Callable[..., Any]) -> None:
    """An invalid index of the name that REINDEX gives is found by the plan and dropped; others stay."""
    keeper = filled("postgresql")
    back_up(keeper)
    with sql(keeper) as connection:
        for name in ("ballast_text_ccnew", "ballast_text_ccold1", "invalid_of_somebody"):
            connection.execute(f"CREATE INDEX {name} ON ballast (text)")
            connection.execute(
                "UPDATE pg_index SET indisvalid = false WHERE indexrelid = %s::regclass", (name,)
            )
        connection.execute("CREATE INDEX valid_ccnew ON ballast (text)")
    plan, outcome = keeper.run(ACTION)
    dropped = ["public.ballast_text_ccnew", "public.ballast_text_ccold1"]
    assert [f"drop the invalid index {name}" for name in dropped] == list(plan.databases[0].steps[:2])
    assert dropped == outcome.details["databases"][0]["dropped_indexes"]
    with sql(keeper) as connection:
        names = connection.execute(
            "SELECT indexrelid::regclass::text FROM pg_index WHERE indrelid = 'ballast'::regclass ORDER BY 1"
        ).fetchall()
    assert ["ballast_pkey", "ballast_text", "invalid_of_somebody", "valid_ccnew"] == [
        name for (name,) in names
    ]


def test_postgresql_leaves_the_index_that_somebody_is_building(filled: Callable[..., Any]) -> None:
    """While another session rebuilds an index of the table, its unfinished index is not dropped."""
    keeper = filled("postgresql")
    back_up(keeper)
    with sql(keeper) as blocker, sql(keeper) as builder, sql(keeper) as looker:
        # An open transaction that has read the table keeps the builder waiting in its last phase.
        blocker.execute("BEGIN ISOLATION LEVEL REPEATABLE READ")
        blocker.execute("SELECT count(*) FROM ballast")
        thread = threading.Thread(target=builder.execute, args=("REINDEX INDEX CONCURRENTLY ballast_text",))
        thread.start()
        end = time.monotonic() + 20
        while time.monotonic() < end:
            row = looker.execute("SELECT count(*) FROM pg_stat_progress_create_index").fetchone()
            left = looker.execute("SELECT count(*) FROM pg_index WHERE NOT indisvalid").fetchone()
            if row == (1,) and left == (1,):
                break
            time.sleep(0.02)
        _, outcome = keeper.run(ACTION)
        blocker.execute("COMMIT")
        thread.join()
    notes = " ".join(outcome.details["databases"][0]["notes"])
    assert "ballast_text_ccnew stays: an index of ballast is being built right now" in notes
    assert [] == outcome.details["databases"][0]["dropped_indexes"]
    assert "the other indexes are left for the next run" in notes


def test_postgresql_passes_over_a_locked_table_and_says_so(filled: Callable[..., Any]) -> None:
    """The index of a table that somebody holds locked stays valid; the others are rebuilt."""
    keeper = filled("postgresql")
    back_up(keeper)
    with sql(keeper) as blocker:
        blocker.execute("BEGIN")
        blocker.execute("LOCK TABLE ballast IN ACCESS EXCLUSIVE MODE")
        _, outcome = keeper.run(ACTION)
        blocker.execute("ROLLBACK")
    one = outcome.details["databases"][0]
    assert "ballast_text was not rebuilt: another session holds its table" in outcome.summary
    assert one["rebuilt_indexes"] > 10
    with sql(keeper) as connection:
        assert (0,) == connection.execute("SELECT count(*) FROM pg_index WHERE NOT indisvalid").fetchone()


def test_an_open_transaction_holds_nothing_up_for_long(filled: Callable[..., Any]) -> None:
    """A rebuild that waits for an old transaction gives up, and leaves no unfinished index behind."""
    keeper = filled("postgresql")
    back_up(keeper)
    with sql(keeper) as blocker:
        blocker.execute("BEGIN ISOLATION LEVEL REPEATABLE READ")
        blocker.execute("INSERT INTO ballast VALUES (1000000, 'open')")
        _, outcome = keeper.run(OptimizeDatabase(lock_seconds=0.1))
        blocker.execute("ROLLBACK")
    assert "could not be locked" in outcome.summary
    keeper.run(ACTION)
    with sql(keeper) as connection:
        assert (0,) == connection.execute("SELECT count(*) FROM pg_index WHERE NOT indisvalid").fetchone()


def test_unused_data_is_told_and_stays(filled: Callable[..., Any]) -> None:
    """Expired sessions, unused indexes and rows without parents are in the plan, and are not removed."""
    keeper = filled("sqlite")
    back_up(keeper)
    connection = sqlite3.connect(keeper.shop.data / "db.sqlite3")
    connection.execute("DELETE FROM django_session")
    connection.execute("INSERT INTO django_session VALUES ('old', '', '2020-01-01 00:00:00')")
    connection.execute("CREATE TABLE child (parent integer REFERENCES ballast (id))")
    connection.execute("INSERT INTO child VALUES (-1), (-2), (1)")
    connection.commit()
    plan, _ = keeper.run(ACTION)
    found = {(one.kind, one.subject): one.amount for one in plan.databases[0].unused}
    assert 1 == found["expired_sessions", "django_session"]
    assert 2 == found["rows_without_parent", "child"]
    assert (3,) == connection.execute("SELECT count(*) FROM child").fetchone()
    connection.close()
    assert "manage.py clearsessions" in str(plan.rows())


def test_unused_indexes_of_postgresql_are_told(filled: Callable[..., Any]) -> None:
    """An index that no query has used is named; one that keeps rows unique is not."""
    keeper = filled("postgresql")
    found = {one.subject for one in keeper.plan(ACTION).databases[0].unused if one.kind == "unused_index"}
    assert "public.ballast_text" in found
    assert "public.ballast_pkey" not in found


def test_a_server_elsewhere_is_vacuumed_only(filled: Callable[..., Any]) -> None:
    """Whose disk cannot be seen gets no index rebuilt, unless a person says that there is room."""
    keeper = filled("postgresql")
    address = address_from_url("default", url=keeper.shop.database_url, project=Path())
    with maintain_postgresql(address, lock_seconds=1) as connection:
        assert data_folder(connection, host="db.example.org") is None
        rebuilt = [
            optimize_postgresql(
                connection,
                folder=None,
                assume_space=assume_space,
                report=lambda _: None,
                cancelled=lambda: False,
            ).rebuilt
            for assume_space in (False, True)
        ]
    assert 0 == rebuilt[0]
    assert rebuilt[1] > 10


def test_a_password_is_never_told() -> None:
    """A server that cannot be reached is named without the password."""
    address = address_from_url("x", url="postgresql://me:s3cret@127.0.0.1:1/shop", project=Path())
    with pytest.raises(DatabaseUnavailable) as caught, maintain_postgresql(address, lock_seconds=1):
        pass
    assert "s3cret" not in str(caught.value)
