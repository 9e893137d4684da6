"""How old a log's lines are, and when it is due."""

import datetime as dt
import os
from pathlib import Path

import pytest

from storekeeper.measure.logs import LogNames, read_ages, why_kept

NOW = dt.datetime(2026, 11, 28, 12, tzinfo=dt.UTC)
WRITTEN = dt.datetime(2026, 11, 20, tzinfo=dt.UTC)


@pytest.mark.parametrize(
    ("lines", "oldest", "newest", "ahead"),
    [
        # A stamp makes nothing older than the last write of the file.
        (["1999-12-31 a", "ValueError: '1980-01-02'"], "1999-12-31", "2026-11-20", []),
        (["no stamp of 2025-01-01", "none"], None, "2026-11-20", []),
        # It makes younger, but nothing younger than now.
        (["2026-11-01 a", "2026-11-25 b", "    at 2020-01-01"], "2026-11-01", "2026-11-25", []),
        (["2026-11-01 a", "2099-01-01 b"], "2026-11-01", "2026-11-28", ["2099-01-01"]),
        (["2099-01-01 a", "2026-11-01 b"], "2026-11-20", "2026-11-20", ["2099-01-01"]),
    ],
)
def test_ages(lines: list[str], oldest: str | None, newest: str, ahead: list[str], tmp_path: Path) -> None:
    """The newest line is as young as the file's last write, or as a younger stamp at the front of a line."""
    path = tmp_path / "a.log"
    path.write_text("\n".join(lines) + "\n")
    os.utime(path, (WRITTEN.timestamp(), WRITTEN.timestamp()))
    with path.open("rb") as file:
        ages = read_ages(file, zone=dt.UTC, now=NOW)
    assert oldest == (ages.oldest.date().isoformat() if ages.oldest else None)
    assert newest == ages.newest.date().isoformat()
    assert ahead == [moment.date().isoformat() for moment in ages.ahead]


def test_a_file_of_the_future_is_of_now(tmp_path: Path) -> None:
    """A last write that lies ahead names no archive of a year that has not come."""
    path = tmp_path / "a.log"
    path.write_text("one\n")
    os.utime(path, (4e9, 4e9))
    with path.open("rb") as file:
        assert NOW == read_ages(file, zone=dt.UTC, now=NOW).newest


def test_the_rest_of_a_line_at_the_border_of_what_is_read_is_no_line(tmp_path: Path) -> None:
    """Of a large log the end is read; what is left there of a long line has no stamp."""
    path = tmp_path / "a.log"
    path.write_text("2026-11-01 a\n" + "2027-01-01 b " * 10_000)
    os.utime(path, (WRITTEN.timestamp(), WRITTEN.timestamp()))
    with path.open("rb") as file:
        assert WRITTEN == read_ages(file, zone=dt.UTC, now=NOW).newest


def test_names_of_logs() -> None:
    """What ends with .log, and what the config includes; never what is packed, hidden or put aside."""
    names = LogNames(include=("access_log", "web/*.txt"))
    for name in ("a.log", "web/b.log", "access_log", "web/access_log", "web/c.txt"):
        assert names.is_log(name)
    for name in ("a.txt", "a.log.gz", ".a.log", "a.log.rotating", "access_log.gz", "other"):
        assert not names.is_log(name)


def test_what_is_kept_as_it_is() -> None:
    """A name that was dated by hand, a file with a second name."""
    assert "by hand" in why_kept("web/a_2025_11.log", links=1)
    assert "2 names" in why_kept("a.log", links=2)
    assert "" == why_kept("a.log", links=1)
