"""
Column by column from database values to JSON text.

For each field one function is chosen, once; it takes the values of many rows as the database driver gave
them. The texts are those of Django's serialiser (``Field.value_to_string`` and the JSON encoder), with
microseconds. A field whose class or behaviour is not Django's own is not guessed at: it has no function
here, and is written by Django itself.
"""

from __future__ import annotations

import datetime as dt
from base64 import b64encode
from collections.abc import Sequence
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from django.conf import settings
from django.utils.duration import duration_string
from django.utils.encoding import is_protected_type

from . import bulk_texts
from .json_text import json_text, quoted
from .kinds import target_of
from .written import Written

if TYPE_CHECKING:
    from typing import Callable

    from .bulk_texts import Bulk

# Django reads a number of SQLite with this precision.
_FLOAT_DIGITS = 15


def texts_of(
    kind: str, *, field: Any, convert: Callable[[Any], Any] | None, connection: Any, left_as_text: bool
) -> Bulk:
    """
    Give the function for one column.

    ``convert`` turns what the driver gives into what a model instance would hold; None when that is
    the same. ``left_as_text`` tells that the driver gives PostgreSQL's own text of numbers and times.
    """
    exact = _EXACT.get(kind, _plain_text)
    if left_as_text and kind in _PARSERS:
        convert = _parsed(_PARSERS[kind], field=field)
        fast = _from_postgresql(kind, exact=exact, convert=convert)
    else:
        fast = _fast(kind, field=field, convert=convert, connection=connection, exact=exact)

    def slow(values: Sequence[Any]) -> Written:
        return Written.of([exact(value if convert is None else convert(value)) for value in values])

    if fast is None:
        return slow
    # A NULL where none may be goes the slow way, as any value of another type does.
    quick = bulk_texts.with_nulls(fast, null='""' if kind == "file" else "null") if field.null else fast

    def guarded(values: Sequence[Any]) -> Written:
        try:
            return quick(values)
        except (TypeError, ValueError, KeyError):
            # A value of another type than the column's, as SQLite allows.
            return slow(values)

    return guarded


def reads_utc(connection: Any) -> bool:
    """Tell whether date-times are stored, and read, in UTC."""
    return bool(settings.USE_TZ) and connection.timezone_name == "UTC"


def _fast(
    kind: str,
    *,
    field: Any,
    convert: Callable[[Any], Any] | None,
    connection: Any,
    exact: Callable[[Any], str],
) -> Bulk | None:
    """Give the quick way for values of the expected type; it raises for any other."""
    backend_only = connection.vendor == "sqlite" and not hasattr(target_of(field), "from_db_value")
    if kind == "boolean":
        return bulk_texts.booleans
    if kind == "uuid" and backend_only:
        return bulk_texts.hex_uuids
    if kind == "datetime" and backend_only and (reads_utc(connection) or not settings.USE_TZ):
        return bulk_texts.sqlite_times("Z" if settings.USE_TZ else "")
    if kind == "decimal" and convert is None:
        # No memo: 1.0 and 1.00 are equal, but their texts are not.
        return bulk_texts.each(_plain_text)
    if kind == "date" and backend_only:
        return bulk_texts.sqlite_dates
    if kind in ("decimal", "date", "time"):
        text = exact if convert is None else _converted(exact, convert=convert)
        one_by_one = bulk_texts.each(_Memo(text).__getitem__)
        if kind == "decimal" and backend_only and field is target_of(field):
            return _sqlite_decimals(field, otherwise=one_by_one)
        return one_by_one
    return None if convert is not None else _SIMPLE.get(kind)


def _from_postgresql(kind: str, *, exact: Callable[[Any], str], convert: Callable[[Any], Any]) -> Bulk | None:
    """Give the quick way from PostgreSQL's own text."""
    if kind == "time":
        return bulk_texts.each(_Memo(_converted(exact, convert=convert)).__getitem__)
    return _POSTGRESQL[kind]


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


def _converted(exact: Callable[[Any], str], *, convert: Callable[[Any], Any]) -> Callable[[Any], str]:
    return lambda value: exact(convert(value))


def _sqlite_decimals(field: Any, *, otherwise: Bulk) -> Bulk:
    """
    From the floats that SQLite keeps.

    Where the text with the field's places is that very float again, and short enough, Django's own way
    by a decimal of 15 digits comes to the same text.
    """
    places = field.decimal_places
    if places is None or field.max_digits is None:
        return otherwise
    # A point belongs to the text.
    most = min(_FLOAT_DIGITS, field.max_digits + bool(places))
    return bulk_texts.sqlite_decimals(places, most=most, otherwise=otherwise)


def _parsed(parse: Callable[[str], Any], *, field: Any) -> Callable[[Any], Any]:
    """Give the value that the driver would have made of its text; an error where Python has no such value."""

    def convert(value: Any) -> Any:
        if type(value) is not str:
            return value
        try:
            return parse(value)
        except ValueError:
            raise ValueError(
                f"{field.model._meta.label}.{field.name} has the value {value}, which Python does not know; "
                "the row could not be restored"
            ) from None

    return convert


def _utc(value: str) -> dt.datetime:
    seconds, zone = value[:-3], value[-3:]
    if zone != "+00" or len(seconds) > 26:
        raise ValueError("outside of the years that Python knows")
    return dt.datetime.fromisoformat(f"{seconds if len(seconds) == 19 else seconds.ljust(26, '0')}+00:00")


def _time(value: str) -> dt.time:
    return dt.time.fromisoformat(value if len(value) == 8 else value.ljust(15, "0"))


# What the driver would have made of PostgreSQL's text; an error where Python knows no such value.
_PARSERS: dict[str, Callable[[str], Any]] = {
    "integer": int,
    "decimal": Decimal,
    "date": dt.date.fromisoformat,
    "time": _time,
    "datetime": _utc,
    "uuid": str,
}
_POSTGRESQL: dict[str, Bulk] = {
    "integer": bulk_texts.postgresql_integers,
    "decimal": bulk_texts.postgresql_decimals,
    "date": bulk_texts.postgresql_dates,
    "datetime": bulk_texts.postgresql_times,
    "uuid": bulk_texts.strings,
}
_SIMPLE: dict[str, Bulk] = {
    "text": bulk_texts.strings,
    "file": bulk_texts.strings,
    "uuid": bulk_texts.strings,
    "integer": bulk_texts.integers,
    "float": bulk_texts.floats,
}


def _plain_text(value: Any) -> str:
    if type(value) is Decimal:
        return f'"{value}"'
    return json_text(value if is_protected_type(value) else str(value))


def _file(value: Any) -> str:
    # A FileField's NULL is an empty name to Django.
    return quoted(str(value) if value is not None else "")


def _duration(value: Any) -> str:
    return "null" if value is None else quoted(duration_string(value))


def _binary(value: Any) -> str:
    return "null" if value is None else quoted(b64encode(value).decode("ascii"))


_EXACT: dict[str, Callable[[Any], str]] = {
    "file": _file,
    "duration": _duration,
    "binary": _binary,
    "json": json_text,
}
