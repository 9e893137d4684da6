"""
Column by column from database values to JSON text.

For each field one function is chosen, once; it takes the values of many rows as the database driver gave
them. The texts are those of Django's serialiser (``Field.value_to_string`` and the JSON encoder), with
microseconds. A field whose class or behaviour is not Django's own is not guessed at: it has no function
here, and is written by Django itself.
"""

from __future__ import annotations

import datetime as dt
import inspect
from base64 import b64encode
from collections.abc import Iterable, Sequence
from decimal import Decimal
from typing import Any, Callable

from django.conf import settings
from django.db import models
from django.utils.duration import duration_string
from django.utils.encoding import is_protected_type

from .json_text import json_text, quoted

Texts = Callable[[Sequence[Any]], Iterable[str]]
Convert = Callable[[Any], Any]

# The first class that a field is an instance of gives its kind.
KINDS: tuple[tuple[str, str], ...] = (
    ("FileField", "file"),
    ("CharField", "text"),
    ("TextField", "text"),
    ("FilePathField", "text"),
    ("GenericIPAddressField", "text"),
    ("BooleanField", "boolean"),
    ("IntegerField", "integer"),
    ("FloatField", "float"),
    ("DecimalField", "memo"),
    ("DateTimeField", "datetime"),
    ("DateField", "memo"),
    ("TimeField", "memo"),
    ("DurationField", "duration"),
    ("UUIDField", "uuid"),
    ("BinaryField", "binary"),
    ("JSONField", "json"),
)
# A foreign key's value goes through str() where the target's own field would not.
_FOREIGN_KINDS = frozenset({"text", "integer", "float", "memo", "datetime", "uuid"})

# The same few dates, prices and keys come again and again; a memo that grows past this starts anew.
_MEMO_ENTRIES = 10_000
_HEX_DIGITS = "0123456789abcdef"


def kind_of(field: Any) -> str | None:
    """Give the kind of a field that behaves as Django's own, None for any other."""
    if type(field).value_from_object is not models.Field.value_from_object:
        return None
    attribute = inspect.getattr_static(field.model, field.attname, None)
    if not type(attribute).__module__.startswith("django.db.models."):
        return None
    if isinstance(field, models.ForeignKey):
        if type(field).value_to_string is not models.Field.value_to_string:
            return None
        target = target_of(field)
        kind = kind_of(target)
        return kind if kind in _FOREIGN_KINDS else None
    for name, kind in KINDS:
        known = getattr(models, name, None)
        if known is not None and isinstance(field, known):
            return kind if type(field).value_to_string is known.value_to_string else None
    return None


def target_of(field: Any) -> Any:
    """Follow a foreign key, and one that it refers to, to the field that holds the value."""
    while isinstance(field, models.ForeignKey):
        field = field.target_field
    return field


def texts_of(kind: str, *, field: Any, convert: Convert | None, connection: Any) -> Texts:
    """
    Give the function for one column.

    ``convert`` turns what the driver gives into what a model instance would hold; None when that is
    the same.
    """
    exact = _EXACT.get(kind, _plain_text)

    def slow(values: Sequence[Any]) -> list[str]:
        return [exact(value if convert is None else convert(value)) for value in values]

    fast = _fast(kind, field=target_of(field), convert=convert, connection=connection, exact=exact)
    if fast is None:
        return slow

    def guarded(values: Sequence[Any]) -> list[str]:
        try:
            return fast(values)
        except (TypeError, ValueError, KeyError):
            # A value of another type than the column's, as SQLite allows.
            return slow(values)

    return guarded


def reads_utc(connection: Any) -> bool:
    """Tell whether date-times are stored, and read, in UTC."""
    return bool(settings.USE_TZ) and connection.timezone_name == "UTC"


def _fast(
    kind: str, *, field: Any, convert: Convert | None, connection: Any, exact: Callable[[Any], str]
) -> Callable[[Sequence[Any]], list[str]] | None:
    """Give the quick way for values of the expected type; it raises for any other."""
    if kind == "memo" and (convert is not None or not isinstance(field, models.DecimalField)):
        memo = _Memo(exact if convert is None else lambda value: exact(convert(value)))
        return lambda values: list(map(memo.__getitem__, values))
    if kind == "memo":
        return _each(_plain_text)
    backend_only = connection.vendor == "sqlite" and not hasattr(field, "from_db_value")
    if kind == "uuid" and backend_only:
        return _hex_uuids
    if kind == "datetime" and backend_only and (reads_utc(connection) or not settings.USE_TZ):
        return _each(_sqlite_time("Z" if settings.USE_TZ else ""))
    if kind == "boolean":
        return lambda values: [_BOOLEANS[value] for value in values]
    if convert is not None:
        return None
    if kind == "datetime" and reads_utc(connection):
        return _each(_postgresql_utc)
    one = _SIMPLE.get(kind)
    return None if one is None else _each(one, none='""' if kind == "file" else "null")


def _each(one: Callable[[Any], str], *, none: str = "null") -> Callable[[Sequence[Any]], list[str]]:
    def all_of(values: Sequence[Any]) -> list[str]:
        if None in values:
            return [none if value is None else one(value) for value in values]
        return list(map(one, values))

    return all_of


class _Memo(dict):  # type: ignore[type-arg]
    """Remember the text of each value."""

    def __init__(self, text: Callable[[Any], str]) -> None:
        super().__init__()
        self._text = text

    def __missing__(self, value: Any) -> str:
        if len(self) >= _MEMO_ENTRIES:
            self.clear()
        text = self[value] = self._text(value)
        return text


_BOOLEANS = {None: "null", True: "true", False: "false"}


def _float(value: float) -> str:
    text = float.__repr__(value)
    # Not a number and the infinities have names of their own in JSON.
    return json_text(value) if "n" in text else text


def _hex_uuids(values: Sequence[str | None]) -> list[str]:
    """From the 32 digits that Django stores in SQLite."""
    present = values if None not in values else [value for value in values if value is not None]
    if "".join(present).strip(_HEX_DIGITS) or set(map(len, present)) - {32}:  # type: ignore[arg-type]
        raise ValueError("not the digits of a UUID")
    return ["null" if v is None else f'"{v[:8]}-{v[8:12]}-{v[12:16]}-{v[16:20]}-{v[20:]}"' for v in values]


def _sqlite_time(suffix: str) -> Callable[[str], str]:
    """From the text that Django stores: ``2026-11-22 15:43:00.120000``, without a fraction where it is 0."""
    end = f'{suffix}"'
    parse = dt.datetime.fromisoformat

    def text(value: str) -> str:
        # Parsed only to know that it is a time: Python's own text of it would be the same.
        parse(value)
        length = len(value)
        if value[10] != " " or value[13] != ":" or (length != 19 and (length != 26 or value[19] != ".")):
            raise ValueError(value)
        if length == 26 and value[20:] == "000000":
            raise ValueError(value)
        return f'"{value[:10]}T{value[11:]}{end}'

    return text


def _postgresql_utc(value: Any) -> str:
    """From PostgreSQL's own text in UTC, ``2026-11-22 15:43:00.12+00``, or from a driver's datetime."""
    if isinstance(value, dt.datetime):
        return _plain_text(value)
    if value[10] != " " or not value.endswith("+00") or len(value) > 29:
        raise ValueError(f"{value} is outside of the years that Python knows")
    seconds = value[11:-3]
    return f'"{value[:10]}T{seconds if len(seconds) == 8 else seconds.ljust(15, "0")}Z"'


_SIMPLE: dict[str, Callable[[Any], str]] = {
    "text": quoted,
    "file": quoted,
    "uuid": quoted,
    "integer": int.__repr__,
    "float": _float,
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
