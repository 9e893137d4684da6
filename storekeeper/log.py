"""
The services' own log on standard error, one event a line, as logfmt or JSON.

What comes from outside (file names, a database's words) can carry newlines and escape codes; they are
written escaped, so that no event can pretend to be another or play with a terminal.
"""

import datetime as dt
import json
import logging
import re
import sys
from collections.abc import Callable
from typing import IO, Final

LEVELS: Final = ("debug", "info", "warning", "error")

# C0 and C1 control characters, the line separators, and the marks that turn the writing direction.
_UNSAFE = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069\ud800-\udfff]")
_NEEDS_QUOTES = re.compile(r'[\s="\\]')
# Their lines about each request or retry help only who looks for a fault in them.
_CHATTY: Final = ("uvicorn.error", "uvicorn.access", "asyncio", "dbos", "urllib3", "httpx", "sqlalchemy")


def escape(text: str) -> str:
    """Write characters that could break a line or move a cursor as ``\\n``, ``\\x1b``, ``\\u202e``."""
    return _UNSAFE.sub(lambda match: match[0].encode("unicode_escape").decode("ascii"), text)


def logfmt(record: dict[str, str]) -> str:
    """Give ``key=value`` pairs; values with spaces or signs stand in quotes."""
    return " ".join(f"{key}={_quoted(value)}" for key, value in record.items())


def as_json(record: dict[str, str]) -> str:
    """Give one JSON object; its strings are escaped by JSON and by us."""
    return json.dumps({key: escape(value) for key, value in record.items()}, ensure_ascii=False)


FORMATS: Final[dict[str, Callable[[dict[str, str]], str]]] = {"logfmt": logfmt, "json": as_json}


class LineFormatter(logging.Formatter):
    """Turn one log record, with its traceback if it has one, into one line."""

    def __init__(self, write: Callable[[dict[str, str]], str]) -> None:
        super().__init__()
        self._write = write

    def format(self, record: logging.LogRecord) -> str:
        """Give the line, without its end."""
        moment = dt.datetime.fromtimestamp(record.created, tz=dt.UTC)
        values = {
            "ts": moment.isoformat(timespec="milliseconds").replace("+00:00", "Z"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "msg": record.getMessage(),
        }
        if record.exc_info:
            values["error"] = self.formatException(record.exc_info)
        return self._write(values)


def set_up_logging(
    *, level: str = "info", format_name: str = "logfmt", stream: IO[str] | None = None
) -> None:
    """
    Send every logger's events of at least ``level`` to ``stream`` (standard error) as lines.

    ``level`` is one of LEVELS, ``format_name`` one of FORMATS; anything else raises KeyError or ValueError.
    """
    handler = logging.StreamHandler(stream or sys.stderr)
    handler.setFormatter(LineFormatter(FORMATS[format_name]))
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level.upper())
    for name in _CHATTY:
        logging.getLogger(name).setLevel(logging.DEBUG if level == "debug" else logging.WARNING)


def _quoted(value: str) -> str:
    escaped = escape(value)
    if escaped and escaped == value and not _NEEDS_QUOTES.search(value):
        return value
    return '"' + escape(value.replace("\\", "\\\\")).replace('"', '\\"') + '"'
