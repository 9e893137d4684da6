"""The services' own log."""

import io
import json
import logging
from collections.abc import Iterator

import pytest

from storekeeper.log import set_up_logging


@pytest.fixture(autouse=True)
def _root_logger() -> Iterator[None]:
    """Give the root logger back as it was."""
    root = logging.getLogger()
    before = root.handlers[:], root.level
    yield
    root.handlers[:], level = before
    root.setLevel(level)


def lines(format_name: str, message: str) -> list[str]:
    """Log one message and give what was written."""
    stream = io.StringIO()
    set_up_logging(level="info", format_name=format_name, stream=stream)
    logging.getLogger("storekeeper.test").info(message)
    return stream.getvalue().removesuffix("\n").split("\n")


@pytest.mark.parametrize("format_name", ["logfmt", "json"])
def test_event_stays_one_line_whatever_it_says(format_name: str) -> None:
    """A file name with newlines and escape codes cannot forge an event or move the cursor."""
    [line] = lines(format_name, "removed a\nlevel=error msg=forged\x1b[2J\u202egnp.\x9b \u2028 ប្រាក់")
    assert not [sign for sign in line if sign in "\x1b\u202e\u2028\x9b\r"]
    assert "ប្រាក់" in line


def test_logfmt_quotes_what_needs_it() -> None:
    """Values with spaces, equal signs and quotation marks stand in quotes."""
    [line] = lines("logfmt", 'a="b" \\ c')
    assert line.endswith('level=info logger=storekeeper.test msg="a=\\"b\\" \\\\ c"')


def test_json_holds_the_same_values() -> None:
    """Each line of the JSON form is one object with time, level, logger and message."""
    [line] = lines("json", "hello")
    event = json.loads(line)
    assert ["ts", "level", "logger", "msg"] == list(event)
    assert ("info", "storekeeper.test", "hello") == (event["level"], event["logger"], event["msg"])


def test_traceback_stands_in_the_same_line() -> None:
    """An exception adds its traceback to the event without a second line."""
    stream = io.StringIO()
    set_up_logging(stream=stream)
    try:
        raise ValueError("one\ntwo")
    except ValueError:
        logging.getLogger("storekeeper.test").exception("failed")
    [line] = stream.getvalue().splitlines()
    assert "ValueError: one\\ntwo" in line


def test_events_below_the_level_are_left_out() -> None:
    """With the level info, debug events are not written."""
    stream = io.StringIO()
    set_up_logging(level="info", stream=stream)
    logging.getLogger("storekeeper.test").debug("not this")
    assert "" == stream.getvalue()
