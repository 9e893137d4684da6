"""
Column by column from database values to JSON text.

For each field two functions are chosen, once. The quick one takes a whole column, and only values of which
is known that ``loaddata`` would store the text of each as the very value that it was; it raises TypeError,
ValueError or KeyError for any other. The exact one gives the text of one value, whatever it is, as Django's
serialiser does (with microseconds), and raises where there is none.

A field whose class or behaviour is not Django's own is not guessed at: it has neither, and is written by
Django itself.
"""

from __future__ import annotations

import datetime as dt
import json
from base64 import b64encode
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from django.conf import settings
from django.utils.duration import duration_string
from django.utils.encoding import is_protected_type

from . import bulk_texts
from .json_text import json_text, quoted
from .kinds import target_of
from .postgresql_texts import (
    interval,
    local_moment,
    local_time,
    microseconds,
    same_interval,
    time_of_day,
    utc_moment,
)

if TYPE_CHECKING:
    from typing import Callable

    from .bulk_texts import Bulk

TEXT_KINDS = frozenset({"integer", "decimal", "date", "time", "datetime", "uuid", "duration"})
"""The kinds that PostgreSQL is asked for as text: objects are slow, and there is not one for each value."""
# Django reads a number of SQLite with this precision.
_FLOAT_DIGITS = 15


def quick_texts(kind: str, *, field: Any, connection: Any) -> Bulk | None:
    """Return the quick function of a column, None where there is none; NULL is not among its values."""
    if connection.vendor != "sqlite":
        if kind == "datetime" and not reads_utc(connection):
            return bulk_texts.each(local_time(connection))
        found = _POSTGRESQL.get(kind)
        return _json(field, ascii_only=False) if kind == "json" else found
    if kind == "datetime":
        if settings.USE_TZ and not reads_utc(connection):
            return None
        return bulk_texts.sqlite_times("Z" if settings.USE_TZ else "")
    if kind == "decimal":
        return _sqlite_decimals(field) if field is target_of(field) else None
    return _json(field, ascii_only=True) if kind == "json" else _SQLITE.get(kind)


def object_of(kind: str | None, *, convert: Callable[[Any], Any] | None, connection: Any) -> Any:
    """
    Return what turns a value as we read it into what a model instance would hold, None for nothing.

    ``convert`` does so for what the driver gives.
    """
    if connection.vendor != "sqlite" and kind in TEXT_KINDS:
        return _PARSERS[kind] if kind != "datetime" or reads_utc(connection) else local_moment
    return convert


def exact_text(kind: str, *, convert: Callable[[Any], Any] | None, connection: Any) -> Callable[[Any], str]:
    """Return the function for one value as we read it; ``convert`` is what ``object_of`` takes."""
    if kind == "json":
        return _json_exact
    exact = _EXACT.get(kind, _plain_text)
    converted = object_of(kind, convert=convert, connection=connection)
    return exact if converted is None else lambda value: exact(converted(value))


def reads_utc(connection: Any) -> bool:
    """Tell whether date-times are stored, and read, in UTC."""
    return bool(settings.USE_TZ) and connection.timezone_name == "UTC"


class _Memo(dict):  # type: ignore[type-arg]
    """Remember the text of each value."""

    def __init__(self, text: Callable[[Any], str]) -> None:
        super().__init__()
        self._text = text

    def __missing__(self, value: Any) -> str:
        if len(self) >= bulk_texts.MEMO_ENTRIES:
            self.clear()
        text = self[value] = self._text(value)
        return text


def _json(field: Any, *, ascii_only: bool) -> Bulk:
    """
    Return the function for JSON as Django would write it again: its text is the value's text.

    What a decoder of the field makes of it is not looked at: ``loaddata`` knows none.
    """
    encoder = getattr(field, "encoder", None)

    def one(value: Any) -> str:
        found = json.loads(value)
        # JSON's null would become SQL's; JSON itself knows no infinity.
        if found is None or value != json.dumps(found, ensure_ascii=ascii_only, cls=encoder, allow_nan=False):
            raise ValueError("not as Django writes it")
        return _unescaped(found, text=value) if "\\u" in value else str(value)

    return bulk_texts.each(one)


def _unescaped(found: Any, *, text: str) -> str:
    """Return JSON with letters in the place of their numbers, except for half a surrogate, which is none."""
    plain = json_text(found)
    try:
        plain.encode("utf-8")
    except UnicodeEncodeError:
        return text
    return plain


def _json_exact(value: Any) -> str:
    found = json.loads(value)
    if found is None:
        raise ValueError("loaddata would make SQL's NULL of it")
    json.dumps(found, allow_nan=False)
    return json_text(found)


def _sqlite_decimals(field: Any) -> Bulk | None:
    """
    From the floats that SQLite keeps.

    Where the text with the field's places is that very float again, and short enough, Django's own way
    by a decimal of 15 digits comes to the same text.
    """
    places = field.decimal_places
    if places is None or field.max_digits is None:
        return None
    # A point belongs to the text.
    most = min(_FLOAT_DIGITS, field.max_digits + bool(places))
    return bulk_texts.sqlite_decimals(places, most=most)


def _same_time(value: str) -> str:
    """A time of day that SQLite keeps as Django writes it."""
    if dt.time.fromisoformat(value).isoformat() != value:
        raise ValueError("not as Django stores it")
    return f'"{value}"'


def _same_duration(value: int) -> str:
    """Microseconds that a duration of Python's holds."""
    if type(value) is not int:
        raise ValueError("not whole microseconds")
    text = duration_string(dt.timedelta(microseconds=value))
    if microseconds(text) != value:
        raise ValueError("not as Django reads it")
    return f'"{text}"'


def _base64(value: Any) -> str:
    if type(value) not in (bytes, memoryview, bytearray):
        raise ValueError("no bytes")
    return f'"{b64encode(value).decode("ascii")}"'


# What stands in PostgreSQL's text; an error where Python knows no such value.
_PARSERS: dict[str, Callable[[str], Any]] = {
    "integer": int,
    "decimal": Decimal,
    "date": dt.date.fromisoformat,
    "time": time_of_day,
    "datetime": utc_moment,
    "uuid": str,
    "duration": interval,
}


def _plain_text(value: Any) -> str:
    if type(value) is Decimal:
        return f'"{value}"'
    return json_text(value if is_protected_type(value) else str(value))


def _file(value: Any) -> str:
    return quoted(str(value) if value is not None else "")


def _duration(value: Any) -> str:
    return quoted(duration_string(value))


def _binary(value: Any) -> str:
    return quoted(b64encode(value).decode("ascii"))


_EXACT: dict[str, Callable[[Any], str]] = {
    "file": _file,
    "duration": _duration,
    "binary": _binary,
}
_POSTGRESQL: dict[str, Bulk] = {
    "text": bulk_texts.strings,
    "file": bulk_texts.strings,
    "address": bulk_texts.addresses,
    "boolean": bulk_texts.booleans,
    "float": bulk_texts.postgresql_floats,
    "integer": bulk_texts.postgresql_integers,
    "decimal": bulk_texts.postgresql_decimals,
    "date": bulk_texts.postgresql_dates,
    "datetime": bulk_texts.postgresql_times,
    "time": bulk_texts.each(_Memo(lambda value: f'"{time_of_day(value).isoformat()}"').__getitem__),
    "uuid": bulk_texts.strings,
    "duration": bulk_texts.each(same_interval),
    "binary": bulk_texts.each(_base64),
}
_SQLITE: dict[str, Bulk] = {
    "text": bulk_texts.strings,
    "file": bulk_texts.strings,
    "address": bulk_texts.addresses,
    "boolean": bulk_texts.booleans,
    "float": bulk_texts.floats,
    "integer": bulk_texts.integers,
    "date": bulk_texts.sqlite_dates,
    "time": bulk_texts.each(_Memo(_same_time).__getitem__),
    "uuid": bulk_texts.hex_uuids,
    "duration": bulk_texts.each(_same_duration),
    "binary": bulk_texts.each(_base64),
}
