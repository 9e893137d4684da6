"""A ledger that is damaged or gone: nothing runs, nothing is lost, and what to do is said."""

from pathlib import Path
from typing import Any

import pytest

from actions.ledger.file import LedgerFile, LedgerUnavailable
from storekeeper.config import Config

GARBAGE = b"\x00\xff no ledger " * 1000


def test_no_alert_is_answered_with_202_and_the_reason_is_told(
    config: Config, request: pytest.FixtureRequest, alert: Any
) -> None:
    """503 lets Alertmanager send again; the file stays as it is for a person to look at."""
    config.state.mkdir(mode=0o700)
    path = config.state / "ledger.sqlite3"
    path.write_bytes(GARBAGE)
    receiver = request.getfixturevalue("receiver")
    assert 503 == receiver.send(alert("StorageUsageWarning", resource="media")).status_code
    told = receiver.get("/-/ready")
    assert (503, True) == (told.status_code, "no alert can be stored" in told.text)
    assert 503 == receiver.get("/").status_code
    assert GARBAGE == path.read_bytes()
    assert 4 == len(list((config.project / "media").iterdir()))
    for part in config.state.glob("ledger.sqlite3*"):
        part.unlink()
    assert 202 == receiver.send(alert("StorageUsageWarning", resource="media")).status_code


def test_damage_is_told_apart_from_a_full_disk(tmp_path: Path) -> None:
    """To make room would not help."""
    (tmp_path / "ledger.sqlite3").write_bytes(GARBAGE)
    with pytest.raises(LedgerUnavailable) as caught, LedgerFile(tmp_path).write():
        pass
    assert "damaged" in str(caught.value)
    assert "put a copy" in str(caught.value)


def test_what_is_written_after_the_file_was_removed_is_on_the_disk(tmp_path: Path) -> None:
    """A file that is open and has no name any more would be lost with the process."""
    file = LedgerFile(tmp_path)
    with file.write() as connection:
        connection.execute("INSERT INTO counters VALUES ('a', '', 1)")
    for part in tmp_path.iterdir():
        part.unlink()
    with file.write() as connection:
        connection.execute("INSERT INTO counters VALUES ('b', '', 1)")
    file.close()
    with LedgerFile(tmp_path).read() as connection:
        assert [("b",)] == [tuple(row) for row in connection.execute("SELECT name FROM counters")]
