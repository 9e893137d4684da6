"""Texts that ``loaddata`` can read, in the place of values that it cannot."""

from __future__ import annotations

import datetime as dt
import uuid
from base64 import b64encode
from hashlib import sha256
from typing import Any, Callable

from django.conf import settings

from .json_text import json_text
from .stored import form_of

# Far from what shops store, since some column may hold each value but once.
_EPOCH = dt.datetime(8000, 1, 1)  # noqa: DTZ001 - with a zone or without, as the shop's settings want


def stand_in(kind: str | None, *, field: Any) -> Callable[[], str]:
    """Return what gives a text for a field of this kind: each time another one where the field is unique."""
    if field.null and kind != "file":
        return lambda: "null"
    text = _TEXTS.get(kind or "", _quoted)
    if not _is_unique(field):
        return lambda: text(0)
    numbers = iter(range(1, 1 << 62))
    return lambda: text(next(numbers))


def stand_in_for(kind: str | None, *, field: Any) -> Callable[[Any], str]:
    """
    Return what gives a text for a stored value of a key, or of what refers to one: for equal values the same.

    So rows that refer to each other still do so where only the fields of a fixture are read.
    """
    text = _TEXTS.get(kind or "", _quoted)
    most = _MOST.get(kind or "", 1 << 31)
    if kind == "decimal" and field.max_digits is not None:
        most = 10 ** max(1, field.max_digits - (field.decimal_places or 0))

    def of(value: Any) -> str:
        digest = sha256(json_text(form_of(value)).encode("utf-8", "surrogatepass")).digest()
        return text(1 + int.from_bytes(digest[:8], "big") % (most - 1))

    return of


def _is_unique(field: Any) -> bool:
    meta = field.model._meta
    together = {name for names in meta.unique_together for name in names}
    together.update(name for one in meta.constraints for name in getattr(one, "fields", ()))
    return field.unique or field.name in together


def _base64(number: int) -> str:
    return _quoted(number) if not number else f'"{b64encode(str(number).encode()).decode()}"'


def _quoted(number: int) -> str:
    return f'"{number or ""}"'


def _moment(number: int) -> str:
    moment = (_EPOCH + dt.timedelta(seconds=number)).isoformat()
    return f'"{moment}Z"' if settings.USE_TZ else f'"{moment}"'


# How many different ones there are.
_MOST = {
    "date": 700_000,
    "datetime": 1 << 35,
    "time": 1 << 36,
    "duration": 10**6,
    "uuid": 1 << 63,
    "address": 1 << 24,
}
_TEXTS: dict[str, Callable[[int], str]] = {
    "boolean": lambda _: "false",
    "integer": lambda number: str(-number),
    "float": lambda number: repr(-float(number)) if number else "0.0",
    "decimal": lambda number: f'"{-number}"',
    "date": lambda number: f'"{(_EPOCH + dt.timedelta(days=number)).date().isoformat()}"',
    "datetime": _moment,
    "time": lambda number: f'"{(_EPOCH + dt.timedelta(microseconds=number)).time().isoformat()}"',
    "duration": lambda number: f'"00:00:00.{number % 10**6:06}"',
    "uuid": lambda number: f'"{uuid.UUID(int=number)}"',
    "address": lambda number: f'"0.{number >> 16 & 255}.{number >> 8 & 255}.{number & 255}"',
    "binary": _base64,
    "json": lambda number: f'{{"": {number}}}' if number else "{}",
}
