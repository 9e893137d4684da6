"""SQLite files that need what only the shop has, and files of odd shapes: copied, checked, restored."""

import os
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from actions.backup_database import BackupDatabase
from actions.backups.sqlite_copy import check_sqlite, copy_sqlite
from actions.restore_backup import RestoreBackup
from actions.verify_backup import VerifyBackup
from exporter.rows import measure_tables
from storekeeper.backups import read_manifest
from storekeeper.databases import DatabaseAddress, Engine
from storekeeper.errors import BackupRefused

OWN = """
CREATE TABLE own (id integer PRIMARY KEY, name text COLLATE backwards,
  turned text GENERATED ALWAYS AS (turned(name)) STORED NOT NULL, CHECK (turned(name) <> 'x'));
CREATE INDEX own_name ON own (name);
CREATE INDEX own_turned ON own (turned(name));
CREATE INDEX own_some ON own (id) WHERE turned(name) = 'x';
INSERT INTO own (name) VALUES ('abc'), ('zed'), ('b');
CREATE TABLE "own.keys" (key text PRIMARY KEY COLLATE backwards, value) WITHOUT ROWID;
INSERT INTO "own.keys" VALUES ('ab', 1), ('ba', 2);
CREATE TABLE plain (id integer PRIMARY KEY, name text UNIQUE) STRICT;
INSERT INTO plain (name) VALUES ('x'), ('y');
CREATE VIEW turned AS SELECT turned(name) FROM own;
CREATE TRIGGER turning AFTER INSERT ON plain BEGIN SELECT turned('x'); END;
CREATE VIRTUAL TABLE words USING fts5(word);
INSERT INTO words VALUES ('hello');
CREATE VIRTUAL TABLE boxes USING rtree(id, low, high);
INSERT INTO boxes VALUES (1, 1, 2);
PRAGMA writable_schema = ON;
INSERT INTO sqlite_master VALUES ('table', 'odd', 'odd', 0,
  'CREATE VIRTUAL TABLE odd USING of_the_shop(a)');
"""


def turned(value: str | None) -> str:
    """The shop's own function."""
    return (value or "")[::-1]


def fill(path: Path) -> None:
    """Put tables into the database that only a program with the shop's functions can work with."""
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.create_function("turned", 1, turned, deterministic=True)
        connection.create_collation("backwards", lambda a, b: (a[::-1] > b[::-1]) - (a[::-1] < b[::-1]))
        connection.executescript(OWN)


def address_of(path: Path) -> DatabaseAddress:
    """Give the address of a file."""
    return DatabaseAddress(name="default", engine=Engine.SQLITE, path=path)


def test_what_only_the_shop_has_stops_nothing(keeper: Callable[..., Any], rows_of: Any) -> None:
    """Backup, verification and restore go on; the tables that could not be checked are named."""
    kept = keeper(orders=5)
    file = kept.shop.data / "db.sqlite3"
    fill(file)
    _, outcome = kept.run(BackupDatabase(), format="native", compress=False)
    (path,) = outcome.created
    manifest = read_manifest(path)
    assert manifest is not None
    assert set(manifest.not_checked) == {"own", "own.keys", "odd"}
    assert (manifest.tables["own"].rows, manifest.tables["own.keys"].rows) == (3, 2)
    assert (manifest.tables["words"].rows, manifest.tables["boxes"].rows) == (1, 1)
    assert any("not checked: own: " in (one.note or "") for one in kept.reports)
    kept.run(VerifyBackup(), file=path)
    proved = read_manifest(path)
    assert proved is not None
    # The sample shop brings none of these.
    assert "not checked: own: " in proved.verified_by
    with closing(sqlite3.connect(file, isolation_level=None)) as connection:
        connection.execute("DELETE FROM boxes")
    kept.run(RestoreBackup(), file=path, replace=True)
    assert path.read_bytes()[100:] == file.read_bytes()[100:]


BRINGING = """
from django.db.backends.signals import connection_created
def bring(connection, **_):
    file = connection.connection
    file.create_function("turned", 1, lambda v: (v or "")[::-1], deterministic=True)
    file.create_collation("backwards", lambda a, b: (a[::-1] > b[::-1]) - (a[::-1] < b[::-1]))
connection_created.connect(bring, weak=False)
"""


@pytest.mark.parametrize("damaged", [False, True])
def test_shop_checks_what_only_it_can(keeper: Callable[..., Any], damaged: bool) -> None:
    """Its connection_created handlers bring the functions: so the index is compared with its table, too."""
    kept = keeper(orders=None, copied=True)
    with (kept.shop.project / "madamda" / "settings.py").open("a") as settings:
        settings.write(BRINGING)
    file = kept.shop.data / "db.sqlite3"
    fill(file)
    with closing(sqlite3.connect(file, isolation_level=None)) as connection:
        connection.execute("PRAGMA writable_schema = ON")
        connection.execute("DELETE FROM sqlite_master WHERE name = 'odd'")
        if damaged:
            connection.execute(
                "UPDATE sqlite_master SET sql = replace(sql, 'turned(name)', 'turned(name || 1)')"
                " WHERE name = 'own_turned'"
            )
    _, outcome = kept.run(BackupDatabase(), format="native")
    (path,) = outcome.created
    if damaged:
        with pytest.raises(BackupRefused, match="missing from index own_turned"):
            kept.run(VerifyBackup(), file=path)
        return
    kept.run(VerifyBackup(), file=path)
    proved = read_manifest(path)
    assert proved is not None
    assert proved.verified_by.endswith("the rows of every table were counted")


def test_damage_is_found_beside_functions_of_the_shop(tmp_path: Path) -> None:
    """An index that can be checked is, also where another one cannot; a broken page is damage anyway."""
    path = tmp_path / "a.sqlite3"
    fill(path)
    assert set(check_sqlite(path).not_checked) == {"own", "own.keys", "odd"}
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute("PRAGMA writable_schema = ON")
        connection.execute("UPDATE plain SET name = 'other' WHERE id = 1")
        connection.execute("CREATE INDEX plain_name ON plain (name)")
        # Pages that are whole, and none of their entries is one of the index that they are said to be.
        connection.execute(
            "UPDATE sqlite_master SET sql = replace(sql, '(name)', '(id)') WHERE name = 'plain_name'"
        )
    with pytest.raises(BackupRefused, match="is damaged"):
        check_sqlite(path)


def test_row_that_breaks_a_check_is_no_damage(tmp_path: Path) -> None:
    """Such a row is the shop's; a backup keeps it."""
    path = tmp_path / "a.sqlite3"
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute("CREATE TABLE one (price integer CHECK (price > 0))")
        connection.execute("PRAGMA ignore_check_constraints = ON")
        connection.execute("INSERT INTO one VALUES (-1)")
    assert check_sqlite(path).not_checked == {}


def test_tables_of_others_are_measured(tmp_path: Path) -> None:
    """One table that cannot be read here is named, and every other one is counted."""
    path = tmp_path / "a.sqlite3"
    fill(path)
    found = list(measure_tables(address_of(path), exact_rows_below=2))
    rows = {one.table: one.rows for one in found if not isinstance(one, str)}
    assert (rows["own.keys"], rows["plain"], rows["own"]) == (2, 2, 3)


@pytest.mark.parametrize(
    "shape",
    [
        "encoding = 'UTF-16le'",
        "page_size = 512",
        "page_size = 65536",
        "auto_vacuum = FULL",
        "auto_vacuum = INCREMENTAL",
        "application_id = 4711",
        "user_version = 7",
        "journal_mode = WAL",
    ],
)
def test_shape_of_a_file_is_kept(tmp_path: Path, shape: str) -> None:
    """The copy has the pages of the database, whatever they are like."""
    path, target = tmp_path / "a.sqlite3", tmp_path / "copy.sqlite3"
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute(f"PRAGMA {shape}")
        connection.execute("CREATE TABLE one (id integer PRIMARY KEY, name text)")
        connection.execute("INSERT INTO one (name) VALUES ('ត្រី')")
        name = shape.partition(" ")[0]
        copy_sqlite(address_of(path), target=target)
        kept = connection.execute(f"PRAGMA {name}").fetchone()
    assert check_sqlite(target).tables["one"].rows == 1
    with closing(sqlite3.connect(target)) as copy:
        assert copy.execute("SELECT name FROM one").fetchone() == ("ត្រី",)
        if name != "journal_mode":
            assert copy.execute(f"PRAGMA {name}").fetchone() == kept


READER = """
import os, sys
from pathlib import Path
from storekeeper.databases import DatabaseAddress, Engine, connect_sqlite
if os.getuid() == 0:
    os.setgroups([]); os.setgid(65534); os.setuid(65534)
path = Path(sys.argv[1])
address = DatabaseAddress(name="default", engine=Engine.SQLITE, path=path)
with connect_sqlite(address) as connection:
    print(connection.execute("SELECT count(*) FROM one").fetchone()[0])
    if len(sys.argv) > 2:
        print("ready", flush=True)
        sys.stdin.readline()
"""


@pytest.fixture
def of_another_user(tmp_path: Path) -> Any:
    """An idle database with a write-ahead log in a folder that the reader may not write to."""
    for folder in (*tmp_path.parents, tmp_path):
        if folder.is_relative_to(tmp_path.parents[2]):
            folder.chmod(0o755)
    path = tmp_path / "shop" / "a.sqlite3"
    path.parent.mkdir()
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("CREATE TABLE one (id integer)")
        connection.execute("INSERT INTO one VALUES (1)")
    path.chmod(0o644)
    path.parent.chmod(0o555)
    yield path
    path.parent.chmod(0o755)


def test_idle_log_of_another_user_can_be_read(of_another_user: Path) -> None:
    """Nothing is made beside it."""
    command = [sys.executable, "-c", READER, str(of_another_user)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (done.stdout, done.stderr) == ("1\n", "")
    assert [of_another_user.name] == os.listdir(of_another_user.parent)


def test_change_while_it_is_read_is_an_error(of_another_user: Path) -> None:
    """What was read alone may be half of two moments when someone has written meanwhile."""
    command = [sys.executable, "-c", READER, str(of_another_user), "wait"]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as reader:
        assert reader.stdin and reader.stdout and reader.stderr
        assert [reader.stdout.readline(), reader.stdout.readline()] == ["1\n", "ready\n"]
        of_another_user.parent.chmod(0o755)
        with closing(sqlite3.connect(of_another_user, isolation_level=None)) as connection:
            connection.execute("INSERT INTO one VALUES (2)")
        reader.stdin.write("\n")
        reader.stdin.flush()
        words = reader.stderr.read()
    assert "was opened by its own program while it was read" in words
