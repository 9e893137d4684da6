"""The time stamp at the front of a line, and dates that are none."""

import datetime as dt
import json
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from storekeeper.measure.log_lines import stamp_of

ZONE = ZoneInfo("Asia/Phnom_Penh")
NOW = dt.datetime(2026, 11, 28, 12, tzinfo=dt.UTC)
MOMENTS = st.datetimes(min_value=dt.datetime(1971, 1, 1), max_value=dt.datetime(2200, 1, 1)).map(
    lambda moment: moment.replace(microsecond=0)
)


def stamp(line: str) -> str | None:
    """Give the stamp of a line in UTC."""
    moment = stamp_of(line.encode("utf-8", "surrogateescape"), zone=ZONE, latest=NOW)
    return moment.astimezone(dt.UTC).strftime("%Y-%m-%d %H:%M:%S") if moment else None


@pytest.mark.parametrize(
    "line",
    [
        "2026-11-03 10:00:00,123 ERROR django.request Internal Server Error: /orders/",
        "2026-11-03T03:00:00Z INFO",
        "2026-11-03T03:00:00.123456+00:00 INFO",
        "2026-11-03 05:00:00+0200 [info     ] event",
        "2026/11/03 10:00:00 [error] 1#1: nginx",
        "[2026-11-03 10:00:00 +0700] [123] [INFO] gunicorn",
        "[2026-11-03 10:00:00,123: INFO/MainProcess] celery",
        "INFO 2026-11-03 10:00:00,123 views 1 2 message",
        "WARNING: 2026-11-03 10:00:00 message",
        "[ERROR] 2026-11-03 10:00:00 message",
        '[03/Nov/2026 10:00:00] "GET / HTTP/1.1" 200 1',
        '127.0.0.1 - - [03/Nov/2026:10:00:00 +0700] "GET / HTTP/1.1" 200 1',
        '2001:db8::1 - anna [03/Nov/2026:03:00:00 +0000] "GET / HTTP/1.1" 200 1',
        "03 Nov 2026 10:00:00,123 INFO log4j",
        "03-Nov-2026 10:00:00.123 SEVERE catalina",
        "03.11.2026 10:00:00 message",
        "Tue, 03 Nov 2026 03:00:00 +0000 message",
        "[Tue Nov 03 10:00:00.123456 2026] [core:error] apache",
        "Nov  3 10:00:00 host kernel: syslog",
        "<34>Nov  3 10:00:00 host kernel: syslog",
        "<34>1 2026-11-03T03:00:00.003Z host app - - - message",
        'time="2026-11-03T03:00:00Z" level=info msg=logfmt',
        "ts=1793674800.123 level=info",
        "1793674800 message",
        "1793674800123 message",
        "[1793674800] message",
        '{"birthday": "1980-01-02", "time": "2026-11-03T03:00:00Z"}',
        '{"@timestamp": "2026-11-03T03:00:00.123Z", "message": "of 2025-01-01"}',
        '{"ts": 1793674800.5, "level": "info"}',
        '{"asctime": "2026-11-03 10:00:00,123", "message": "x"}',
        "២០២៦-១១-០៣ ១០:០០:០០ ខ្មែរ",
        "\ufeff2026-11-03 10:00:00 a byte order mark",
        "\0\0\0\0" + "2026-11-03 10:00:00 behind a hole",
        "2026-11-03 10:00:00 CRLF\r",
    ],
)
def test_a_stamp_at_the_front(line: str) -> None:
    """A line begins with its time, perhaps after its level, a bracket, a key."""
    assert "2026-11-03 03:00:00" == stamp(line)


@pytest.mark.parametrize(
    "line",
    [
        "ValueError: time data '1999-12-31' does not match format '%d/%m/%Y'",
        "INFO invoice 7 of 2025-03-01 paid",
        "INFO order of [01/Mar/2025 10:00:00] paid",
        "anna, born 1980-01-02",
        "    2025-03-01 in an indented line",
        '{"birthday": "1980-01-02", "customer": 7}',
        '{"order": {"time": "2025-03-01T00:00:00Z"}}',
        '{"message": "time: 2025-03-01"',
        "10:00:00,123 INFO a time without a day",
        "2026-13-45 10:00:00 no date",
        "0123456789 a telephone number",
        "1793674800-17 an order",
        "Mar to 10:00:00",
        "9999999999999999999999999 too many digits",
        "",
        "\0",
        "{",
        "[[[[",
    ],
)
def test_a_date_that_is_no_stamp(line: str) -> None:
    """What a line speaks of is no time of the line."""
    assert stamp(line) is None


def test_a_stamp_without_a_year_is_of_the_last_year_in_which_it_has_been() -> None:
    """In January the lines of December are of the year before; of today's and tomorrow's this year's."""
    new_year = dt.datetime(2027, 1, 2, tzinfo=dt.UTC)
    for line, year in (
        (b"Dec 31 23:59:59 a", 2026),
        (b"Jan  2 00:00:00 a", 2027),
        (b"Feb 29 00:00:00 a", 2024),
    ):
        moment = stamp_of(line, zone=dt.UTC, latest=new_year)
        assert moment is not None
        assert year == moment.year


@given(moment=MOMENTS, separator=st.sampled_from(" T"), rest=st.text(max_size=20))
def test_every_moment_is_read_back(moment: dt.datetime, separator: str, rest: str) -> None:
    """An ISO stamp is the moment that was written, whatever follows it."""
    line = f"{moment.isoformat(separator)}Z {rest}".encode()
    assert moment.replace(tzinfo=dt.UTC) == stamp_of(line, zone=ZONE, latest=NOW)


@given(line=st.binary(max_size=400))
def test_no_line_is_too_strange(line: bytes) -> None:
    """Whatever bytes a log holds, there is an answer."""
    found = stamp_of(line, zone=None, latest=NOW)
    assert found is None or found.tzinfo is not None


@given(
    values=st.dictionaries(
        st.sampled_from(["birthday", "order", "due", "message", "level"]), st.text() | st.dates().map(str)
    )
)
def test_other_keys_of_json_are_no_stamp(values: dict[str, str]) -> None:
    """Only a key that is known to hold a line's time is asked."""
    assert stamp(json.dumps(values)) is None
