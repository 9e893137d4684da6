"""The quick copy of an SQLite file is one moment of it, or is not made at all."""

import signal
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import pytest

from storekeeper.shop.shop import Conversation
from storekeeper.shopside import file_copy

# Every transaction moves money between accounts, on many pages; the sum stays the same.
WRITER = """
import itertools, sqlite3, sys
connection = sqlite3.connect(sys.argv[1], isolation_level=None, timeout=60)
connection.execute("PRAGMA synchronous = OFF")
print("begun", flush=True)
for turn in itertools.count():
    connection.execute("BEGIN IMMEDIATE")
    connection.execute("UPDATE account SET money = money - ? WHERE id % 2 = 0", (turn % 7,))
    connection.execute("UPDATE account SET money = money + ? WHERE id % 2 = 1", (turn % 7,))
    connection.execute("COMMIT")
"""
# With a cache of one page the changed pages are in the file before the transaction ends.
IN_THE_MIDDLE = """
import sqlite3, sys, time
connection = sqlite3.connect(sys.argv[1], isolation_level=None)
connection.execute("PRAGMA cache_size = 1")
connection.execute("BEGIN IMMEDIATE")
connection.execute("UPDATE account SET money = money - 1 WHERE id % 2 = 0")
print("begun", flush=True)
time.sleep(60)
"""


@pytest.fixture
def database(tmp_path: Path) -> Path:
    """Give a database of two thousand accounts with 2,000,000 in all, on hundreds of pages."""
    path = tmp_path / "db.sqlite3"
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("CREATE TABLE account (id INTEGER PRIMARY KEY, money INTEGER, note TEXT)")
        rows = [(number, 1000, "ខ" * 200) for number in range(2000)]
        connection.executemany("INSERT INTO account VALUES (?, ?, ?)", rows)
    return path


@contextmanager
def writing(code: str, path: Path) -> Iterator["subprocess.Popen[bytes]"]:
    """Run a writer that has begun; it is killed at the end."""
    with subprocess.Popen([sys.executable, "-c", code, path], stdout=subprocess.PIPE) as process:
        assert process.stdout
        try:
            assert process.stdout.readline() == b"begun\n"
            yield process
        finally:
            process.kill()


def money(path: Path) -> int:
    """Give all the money in a copy that is whole."""
    with closing(sqlite3.connect(path)) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        return int(connection.execute("SELECT sum(money) FROM account").fetchone()[0])


def test_each_copy_is_one_moment(database: Path, tmp_path: Path) -> None:
    """A hundred copies beside a writer that never rests."""
    target = tmp_path / "copy.sqlite3"
    first = database.read_bytes()
    with writing(WRITER, database):
        for _ in range(100):
            assert file_copy._copy(database, target)
            assert money(target) == 2_000_000
    assert target.read_bytes() != first, "nobody wrote while we copied"


def test_nothing_is_copied_in_the_middle_of_a_change(
    database: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Neither while a writer is at it nor after it was killed there, before anybody has undone its part."""
    monkeypatch.setattr(file_copy, "_LOCK_SECONDS", 0.1)
    target = tmp_path / "copy.sqlite3"
    before = database.read_bytes()
    with writing(IN_THE_MIDDLE, database) as writer:
        assert database.read_bytes() != before
        with pytest.raises(sqlite3.OperationalError, match="locked"):
            file_copy._copy(database, target)
        writer.send_signal(signal.SIGKILL)
        writer.wait()
        with pytest.raises(sqlite3.OperationalError):
            file_copy._copy(database, target)
    assert not target.exists()
    with closing(sqlite3.connect(database)) as connection:
        connection.execute("SELECT * FROM account")
    assert file_copy._copy(database, target)
    assert money(target) == 2_000_000


def test_write_ahead_log_is_not_left_behind(database: Path, tmp_path: Path) -> None:
    """What lies in the log would be missing in a copy of the file alone."""
    with closing(sqlite3.connect(database)) as connection:
        connection.execute("PRAGMA journal_mode = WAL")
        assert not file_copy._copy(database, tmp_path / "copy.sqlite3")


@pytest.mark.parametrize("fault", ["missing", "cut"])
def test_what_cannot_be_copied_leaves_nothing(
    make_shop: Callable[..., Any], database: Path, tmp_path: Path, fault: str
) -> None:
    """The caller hears of it, and finds the file empty for its own attempt."""
    shop = make_shop("sqlite")
    target = tmp_path / "copy.sqlite3"
    target.write_bytes(b"left")
    if fault == "missing":
        database.unlink()
    else:
        database.write_bytes(database.read_bytes()[:-100_000])
    environment = {name: value for name, value in shop.environment.items() if name.startswith("SHOP_")}
    with Conversation(Path(sys.executable), project=shop.project, environment=environment) as conversation:
        answer = conversation.ask("copy_file", source=str(database), target=str(target))
    assert answer == {"copied": False}
    assert target.read_bytes() == b""
