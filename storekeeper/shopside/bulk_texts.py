"""
The texts of a whole column at once, for values of the expected type.

A loop in Python over each value would take most of a backup's time, so these work on the column as one
long text. Each raises TypeError, ValueError or KeyError for a column with any other value in it; its
values are then looked at one by one.
"""

from __future__ import annotations

import datetime as dt
from binascii import unhexlify
from collections.abc import Sequence
from socket import AF_INET6, inet_ntop, inet_pton
from typing import TYPE_CHECKING, Any

from .json_text import json_text, quoted
from .written import Written

if TYPE_CHECKING:
    from typing import Callable

    Bulk = Callable[[Sequence[Any]], Written]

QUOTE = '"'
# The same few dates, prices and keys come again and again; a memo that grows past this starts anew.
MEMO_ENTRIES = 2_000
_DIGITS = b"0123456789"
_DASHES = b"-" * 36 + b"\n"
_DASHED_PLACES = [place for place in range(36) if place not in (8, 13, 18, 23)]
# What stays of a time without its digits.
_WITH_FRACTION = b"-- ::."
_WITHOUT_FRACTION = b"-- ::"
_BOOLEANS = {True: "true", False: "false"}


def each(text: Callable[[Any], str]) -> Bulk:
    """Give the column one by one, where there is nothing better."""
    return lambda values: Written.of(map(text, values))


def strings(values: Sequence[str]) -> Written:
    """Text as it is; only where something needs an escape each is looked at."""
    joined = "\n".join(values)
    between = len(values) - 1
    # The newlines between the values alone are escaped, and none is within a value.
    if len(quoted(joined)) == len(joined) + 2 + between and joined.count("\n") == between:
        return Written(joined, QUOTE, QUOTE)
    return Written.of(map(quoted, values))


def addresses(values: Sequence[str]) -> Written:
    """IP addresses as Django writes them: the shortest form of those of version 6."""
    joined = "\n".join(values)
    if joined.encode("ascii").translate(None, _DIGITS + b"abcdef:.\n"):
        raise ValueError("not the digits of addresses")
    if not all(map(_is_address, values)):
        raise ValueError("not as Django writes addresses")
    return Written(joined, QUOTE, QUOTE)


def _is_address(value: str) -> bool:
    if ":" not in value:
        # Of an empty text Django makes NULL.
        return "." in value
    try:
        # With both signs Python writes it in another way than the system.
        return "." not in value and inet_ntop(AF_INET6, inet_pton(AF_INET6, value)) == value
    except OSError:
        return False


def booleans(values: Sequence[Any]) -> Written:
    """Truth values, which SQLite keeps as 0 and 1."""
    if not {int, bool}.issuperset(map(type, values)):
        raise ValueError("not truth values")
    return Written.of([_BOOLEANS[value] for value in values])


def integers(values: Sequence[int]) -> Written:
    """Whole numbers."""
    joined = "\n".join(map(repr, values))
    if joined.encode("ascii").translate(None, _DIGITS + b"-\n"):
        raise ValueError("not whole numbers")
    return Written(joined)


def postgresql_integers(values: Sequence[str]) -> Written:
    """PostgreSQL's text of whole numbers."""
    joined = "\n".join(values)
    if joined.encode("ascii").translate(None, _DIGITS + b"\n"):
        return Written.of([repr(int(value)) for value in values])
    return Written(joined)


def floats(values: Sequence[float]) -> Written:
    """Numbers as Python writes them; not a number and the infinities have names of their own in JSON."""
    joined = "\n".join(map(float.__repr__, values))
    return Written.of(map(json_text, values)) if "n" in joined else Written(joined)


def postgresql_floats(values: Sequence[float]) -> Written:
    """Numbers as for SQLite, but psycopg writes 0 with a sign so that the server takes it for one without."""
    written = floats(values)
    if "-0.0\n" in f"{written.joined}\n":
        raise ValueError("0 with a sign")
    return written


def sqlite_decimals(places: int, *, most: int) -> Bulk:
    """From SQLite's numbers: those whose text with ``places`` is exact and has ``most`` letters."""
    one = f"%.{places}f\n"
    known: dict[Any, str] = {}

    def all_of(values: Sequence[Any]) -> Written:
        if len(known) > MEMO_ENTRIES:
            known.clear()
        if new := list(set(values).difference(known)):
            texts = (one * len(new) % tuple(new)).split("\n")[:-1]
            exact = max(map(len, texts)) <= most and list(map(float, texts)) == new
            joined = "\n".join(texts)
            # Infinity is exact, too; and Python writes a small decimal with an exponent.
            if not exact or "n" in joined or ("0.000000" in joined and places > 6):
                raise ValueError("not as Django reads it")
            known.update(zip(new, texts))
        return Written.of(map(known.__getitem__, values), QUOTE, QUOTE)

    return all_of


def postgresql_decimals(values: Sequence[str]) -> Written:
    """PostgreSQL's text, which is Python's except for what Python writes with an exponent."""
    joined = "\n".join(values)
    if "0.000000" in joined or joined.encode("ascii").translate(None, _DIGITS + b".-\n"):
        raise ValueError("not as Python writes it")
    return Written(joined, QUOTE, QUOTE)


def postgresql_dates(values: Sequence[str]) -> Written:
    """PostgreSQL's text in the ISO style; infinities and years unknown to Python have other lengths."""
    joined = "\n".join(values)
    if set(map(len, values)) != {10} or joined.encode("ascii").translate(None, _DIGITS + b"\n").strip(b"-"):
        raise ValueError("not a date that Python knows")
    return Written(joined, QUOTE, QUOTE)


def sqlite_dates(values: Sequence[str]) -> Written:
    """From the text that Django stores: ``2026-11-22``."""
    # Python also reads weeks, in as many letters.
    list(map(dt.date.fromisoformat, values))
    return postgresql_dates(values)


def hex_uuids(values: Sequence[str]) -> Written:
    """From the 32 digits that Django stores in SQLite: all are cut and joined by steps through one text."""
    digits = "".join(values)
    if set(map(len, values)) != {32} or digits != digits.lower():
        raise ValueError("not the digits of UUIDs")
    packed = digits.encode("ascii")
    unhexlify(packed)
    dashed = bytearray(_DASHES) * len(values)
    for place, dashed_place in enumerate(_DASHED_PLACES):
        dashed[dashed_place :: len(_DASHES)] = packed[place::32]
    del dashed[-1]
    return Written(dashed.decode("ascii"), QUOTE, QUOTE)


def sqlite_times(suffix: str) -> Bulk:
    """From the text that Django stores: ``2026-11-22 15:43:00.120000``, without a fraction where it is 0."""

    def all_of(values: Sequence[str]) -> Written:
        # Parsed only to know that it is a time: Python's own text of it would be the same.
        list(map(dt.datetime.fromisoformat, values))
        return _times(values, lengths={26: _WITH_FRACTION, 19: _WITHOUT_FRACTION}, after=f'{suffix}"')

    return all_of


def postgresql_times(values: Sequence[str]) -> Written:
    """From PostgreSQL's own text in UTC, ``2026-11-22 15:43:00.12+00``: zeros at the end are left out."""
    if any(not value.endswith("+00") for value in values):
        raise ValueError("not in UTC, or outside of the years that Python knows")
    texts = [
        value[:-3] if len(value) in (29, 22) else value[:-3].ljust(26, "0") if len(value) > 23 else ""
        for value in values
    ]
    return _times(texts, lengths={26: _WITH_FRACTION, 19: _WITHOUT_FRACTION}, after='Z"')


def _times(values: Sequence[str], *, lengths: dict[int, bytes], after: str) -> Written:
    joined = "\n".join(values)
    shapes = joined.encode("ascii").translate(None, _DIGITS).split(b"\n")
    # Python leaves out a fraction of 0.
    if shapes != list(map(lengths.get, map(len, values))) or ".000000\n" in f"{joined}\n":
        raise ValueError("not as Django stores times")
    return Written(joined.replace(" ", "T"), QUOTE, after)
