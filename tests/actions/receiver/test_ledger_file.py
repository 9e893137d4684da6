"""The ledger's file, opened more than once: nobody loses what another has written."""

import subprocess
import sys
from pathlib import Path

from actions.ledger.file import LedgerFile

OTHER_PROCESS = """
import sys
from pathlib import Path
from actions.ledger.file import LedgerFile
file = LedgerFile(Path(sys.argv[1]))
with file.write() as connection:
    connection.execute("INSERT INTO counters VALUES (?, '', 1)", (sys.argv[2],))
    print(*(row["name"] for row in connection.execute("SELECT name FROM counters ORDER BY name")))
file.close()
"""


def names(file: LedgerFile) -> list[str]:
    """Give the names of the counters that a connection sees."""
    with file.read() as connection:
        return [row["name"] for row in connection.execute("SELECT name FROM counters ORDER BY name")]


def count(file: LedgerFile, name: str) -> None:
    """Write a counter."""
    with file.write() as connection:
        connection.execute("INSERT INTO counters VALUES (?, '', 1)", (name,))


def command(folder: Path, name: str) -> str:
    """Write a counter in a process that ends at once; give what it sees."""
    line = [sys.executable, "-c", OTHER_PROCESS, str(folder), name]
    return subprocess.run(line, check=True, capture_output=True, text=True, timeout=60).stdout.strip()


def test_two_connections_of_one_process_and_a_command_that_comes_and_goes(tmp_path: Path) -> None:
    """
    A command that ends takes no write-ahead log away from a receiver that has opened the ledger twice.

    POSIX gives up all locks of a process on a file when any descriptor of it is closed; SQLite in the other
    process would then take itself for the last one, and what the receiver writes from now on would be lost.
    """
    first, second = LedgerFile(tmp_path), LedgerFile(tmp_path)
    count(first, "a")
    count(second, "b")
    assert "a b c" == command(tmp_path, "c")
    count(first, "d")
    assert "a b c d e" == command(tmp_path, "e")
    assert ["a", "b", "c", "d", "e"] == names(first) == names(second)
    first.close()
    second.close()


def test_the_file_is_its_owners_alone(tmp_path: Path) -> None:
    """It tells what the shop's alerts were and who decided what."""
    file = LedgerFile(tmp_path / "state")
    count(file, "a")
    assert (0o600, 0o700) == (file.path.stat().st_mode & 0o777, file.path.parent.stat().st_mode & 0o777)
    file.close()
