"""Warnings and errors in logs that are written, rotated, cut and cleared meanwhile."""

import datetime as dt
import gzip
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from exporter.log_file import LogFile, level_of
from exporter.measuring import Measuring
from storekeeper.config import Config
from storekeeper.measure.log_lines import stamp_of

Parse = Callable[[str], Config]
Measure = Callable[..., Measuring]
ValuesOf = Callable[[Measuring], dict[Any, float]]

ERROR = "2026-01-02 03:04:05,678 ERROR app.orders order {number} failed\n"


def append(path: Path, *numbers: int) -> None:
    """Write one error line for each number."""
    with path.open("a", encoding="utf-8") as file:
        file.writelines(ERROR.format(number=number) for number in numbers)


def errors(log: LogFile) -> int:
    """Read what is new and give the errors counted so far."""
    log.read()
    return log.counts["ERROR"]


@pytest.mark.parametrize(
    ("line", "level"),
    [
        ("2026-01-02 03:04:05,678 WARNING app disk ERROR soon", "WARNING"),
        ("ERROR 2026-01-02 03:04:05 views 1234 failed", "ERROR"),
        ("[2026-01-02 03:04:05] CRITICAL: ប្រព័ន្ធដាច់", "CRITICAL"),
        ("2026/01/02 [warn] 1#1: nginx", None),
        ('{"levelname": "ERROR", "message": "a"}', "ERROR"),
        ('{"event": "INFO desk", "level": "error"}', None),
        ('{"level": "warning", "event": "a"}', "WARNING"),
        ("2026-01-02 INFO app ERROR in a message", None),
        ('  raise ValueError("ERROR")', None),
        ("ERRORS and WARNINGS", None),
        ("WARN old name", "WARNING"),
        ("FATAL: the database", "CRITICAL"),
        ("", None),
        ("x" * 500 + " ERROR", None),
    ],
)
def test_first_level_in_a_line_is_its_level(line: str, level: str | None) -> None:
    """Levels inside messages and tracebacks are words, not events."""
    assert level == level_of(line.encode())


def test_only_what_comes_after_the_start_counts(tmp_path: Path) -> None:
    """Old errors are no news after a restart; a log that appears later counts from its first line."""
    path = tmp_path / "django.log"
    append(path, 1, 2, 3)
    log = LogFile(path, from_start=False)
    assert 0 == errors(log)
    append(path, 4, 5)
    assert 2 == errors(log)
    assert 2 == errors(log)
    late = tmp_path / "late.log"
    append(late, 1, 2)
    assert 2 == errors(LogFile(late, from_start=True))


def test_half_a_line_counts_once_when_it_is_whole(tmp_path: Path) -> None:
    """A line that is being written when we read is counted with its end, once."""
    path = tmp_path / "django.log"
    path.touch()
    log = LogFile(path, from_start=False)
    line = ERROR.format(number=1)
    for part in (line[:30], line[30:]):
        with path.open("a", encoding="utf-8") as file:
            file.write(part)
        count = errors(log)
    assert 1 == count


def test_renamed_log_is_read_to_its_end(tmp_path: Path) -> None:
    """Lines written between our reading and the rotation count, and so do those of the new file."""
    path = tmp_path / "django.log"
    append(path, 0)
    log = LogFile(path, from_start=False)
    append(path, 1, 2)
    log.read()
    append(path, 3)
    path.rename(tmp_path / "django_2026_01.log")
    append(path, 4, 5)
    assert 5 == errors(log)


def test_renamed_log_without_a_new_one_counts_once(tmp_path: Path) -> None:
    """Until the shop opens a new file there is none; nothing is counted twice."""
    path = tmp_path / "django.log"
    path.touch()
    log = LogFile(path, from_start=False)
    append(path, 1)
    path.rename(tmp_path / "django.log.1")
    assert [1, 1] == [errors(log), errors(log)]
    append(path, 2)
    assert 2 == errors(log)


def test_log_cut_from_its_front_goes_on_where_we_were(tmp_path: Path) -> None:
    """When whole blocks are taken from the front, no line counts twice and none is passed over."""
    path = tmp_path / "django.log"
    path.touch()
    log = LogFile(path, from_start=False)
    append(path, *range(1000, 1400))
    assert 400 == errors(log)
    append(path, *range(1400, 1450))
    content = path.read_bytes()
    with path.open("r+b") as file:
        file.write(content[8192:])
        file.truncate()
    assert 450 == errors(log)


@pytest.mark.parametrize("later", [2, 300])
def test_cleared_log_counts_from_its_front(tmp_path: Path, later: int) -> None:
    """A log that was emptied in place starts anew, whether it has grown past the old place or not."""
    path = tmp_path / "django.log"
    path.touch()
    log = LogFile(path, from_start=False)
    append(path, *range(1000, 1100))
    assert 100 == errors(log)
    os.truncate(path, 0)
    append(path, *range(5000, 5000 + later))
    assert 100 + later == errors(log)


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("2026-01-02 03:04:05,678 INFO a", "2026-01-02T03:04:05+07:00"),
        ("[2026-01-02T03:04:05.678Z] a", "2026-01-02T03:04:05+00:00"),
        ("INFO 2026-01-02 03:04:05+02:00 a", "2026-01-02T03:04:05+02:00"),
        ('1.2.3.4 - - [02/Jan/2026:03:04:05 +0000] "GET /"', "2026-01-02T03:04:05+00:00"),
        ("[02/Jan/2026 03:04:05] GET /", "2026-01-02T03:04:05+07:00"),
        ("2026-13-02 03:04:05", None),
        ("no time here", None),
    ],
)
def test_time_of_a_line(line: str, expected: str | None) -> None:
    """A time without zone is the shop's own."""
    moment = dt.datetime.fromisoformat(expected) if expected else None
    now = dt.datetime(2026, 11, 28, tzinfo=dt.UTC)
    assert moment == stamp_of(line.encode(), zone=ZoneInfo("Asia/Phnom_Penh"), latest=now)


def test_page_shows_logs_and_not_their_archives(
    parse: Parse, measure: Measure, values_of: ValuesOf, tmp_path: Path
) -> None:
    """Each log has all levels from 0 on, named below the area; archives have no series of their own."""
    config = parse("areas: {logs: {path: logs}}")
    logs = tmp_path / "shop" / "logs"
    (logs / "worker").mkdir(parents=True)
    append(logs / "django.log", 1)
    append(logs / "worker" / "ប្រចាំថ្ងៃ.log", 1)
    for name in ("django_2026_01.log", "django-20260101.log", "django.2026-01-01.log", "django.log.1"):
        append(logs / name, 1)
    (logs / "django_2025_12.log.gz").write_bytes(gzip.compress(b"ERROR\n"))
    measuring = measure(config)
    append(logs / "django.log", 2, 3)
    measuring.run_once()
    values = values_of(measuring)
    counts = {labels: value for (name, labels), value in values.items() if "messages" in name}
    expected = {
        (("file", name), ("level", level)): 0.0
        for name in ("django.log", "worker/ប្រចាំថ្ងៃ.log")
        for level in ("WARNING", "ERROR", "CRITICAL")
    }
    assert expected | {(("file", "django.log"), ("level", "ERROR")): 2.0} == counts
    assert ("storekeeper_log_oldest_line_timestamp_seconds", (("file", "django.log"),)) in values
    (logs / "django.log").unlink()
    measuring.run_once()
    assert not [labels for _, labels in values_of(measuring) if ("file", "django.log") in labels]
