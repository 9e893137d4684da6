"""
One field of a fixture's lines: from the stored values of a block to texts.

A text is what ``loaddata`` would store as the very same value. Where there is none, the nearest text that it
can read is taken, and the value goes to the oddities, as it is stored.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from django.core.exceptions import ValidationError

from .written import Written

if TYPE_CHECKING:
    from typing import Callable

    from .bulk_texts import Bulk
    from .oddities import Oddities

OTHER_VALUES = (TypeError, ValueError, KeyError, AttributeError, ArithmeticError, ValidationError)
"""What a quick function raises for a value that it does not know."""
_MOST_KNOWN = 10_000
EMPTY = '""'
"""The text of NULL where loaddata makes an empty text of it."""
# What fields of others may be able to read in the place of a value: the first that can be stored is taken.
_ANY_TEXT = (
    '""',
    '"[]"',
    '"{}"',
    "[]",
    "{}",
    "0",
    '"0"',
    '"1970-01-01"',
    '"1970-01-01T00:00:00Z"',
    '"00:00"',
)
_HASHED = (str, int, bytes, type(None))


class Failure:
    """An object that Django could not make of what is stored."""


class KeyLost(Exception):
    """The key of a row is nothing that a fixture can hold."""


class Column:
    """
    One field.

    ``quick`` takes all values that are usual, ``exact`` one of any kind; both raise. ``null`` is the text of
    NULL, which a key has not, and ``stand_in`` gives one for a value that has none; KeyLost is raised where
    there is neither. ``stand_in_for`` is for a key, or what refers to one: it gives one for a stored value.
    ``probe`` tells what would be stored of a value. Those of a field ``by_django`` are objects of the model,
    and each is doubted, NULL as well.
    """

    def __init__(
        self,
        field: Any,
        *,
        quick: Bulk | None,
        exact: Callable[[Any], str],
        stand_in: Callable[[], str] | None,
        stand_in_for: Callable[[Any], str] | None,
        probe: Callable[[], Any],
        connection: Any,
        null: str | None = "null",
        by_django: bool = False,
    ) -> None:
        self.field = field
        self.column: str = field.column
        self._quick = quick
        self._exact = exact
        self._stand_in = stand_in
        self._stand_in_for = stand_in_for
        self._probe = probe
        self._connection = connection
        self._null = null
        self.by_django = by_django
        self._readable: str | None = None
        self._known: dict[Any, tuple[str, bool]] = {}

    def written(self, values: Sequence[Any], *, stored: Sequence[Any], odd: Oddities) -> Written:
        """
        Return the texts of a block's values.

        ``stored`` are the same values as the database holds them; those that differ go to ``odd``.
        """
        if self._quick is not None:
            try:
                if self._null == "null" and None in values:
                    return self._with_nulls(values, quick=self._quick)
                return self._quick(values)
            except OTHER_VALUES:
                pass
        return Written.of(self._one_by_one(values, stored=stored, odd=odd))

    def _with_nulls(self, values: Sequence[Any], *, quick: Bulk) -> Written:
        present = [value for value in values if value is not None]
        texts = iter(quick(present).whole() if present else ())
        return Written.of(["null" if value is None else next(texts) for value in values])

    def _one_by_one(self, values: Sequence[Any], *, stored: Sequence[Any], odd: Oddities) -> list[str]:
        present = [row for row, value in enumerate(stored) if value is not None or self.by_django]
        if self._null is None and None in stored:
            raise KeyLost
        texts = [self._null or "null"] * len(values)
        if self._null == EMPTY:
            for row in set(range(len(values))).difference(present):
                odd.add(row, self.column, None)
        if self._quick is not None and present:
            try:
                usual = self._quick([values[row] for row in present]).whole()
            except OTHER_VALUES:
                pass
            else:
                for row, text in zip(present, usual):
                    texts[row] = text
                return texts
        doubtful = []
        for row in present:
            try:
                if self._quick is None:
                    raise ValueError
                texts[row] = self._quick((values[row],)).whole()[0]
            except OTHER_VALUES:
                doubtful.append(row)
        for row, (text, same) in zip(doubtful, self._doubted(doubtful, values=values, stored=stored)):
            texts[row] = text
            if not same:
                odd.add(row, self.column, stored[row])
        return texts

    def _doubted(
        self, rows: Sequence[int], *, values: Sequence[Any], stored: Sequence[Any]
    ) -> list[tuple[str, bool]]:
        """Return for each row its text, and whether loaddata would store what is stored."""
        found: list[tuple[str, bool] | None] = []
        asked: list[tuple[int, str, Any, Any]] = []
        for place, row in enumerate(rows):
            raw = stored[row]
            # One that stands in may have to be another each time.
            remembered = isinstance(raw, _HASHED) and not self.by_django
            known = self._known.get((type(raw), raw)) if remembered else None
            if known is None:
                try:
                    text = _encodable(self._exact(values[row]))
                    if text == "null" and not self.field.null:
                        raise ValueError
                    asked.append((place, text, self._loaded(text), raw))
                except Exception:  # noqa: BLE001 - fields of others may raise anything: there is no such text
                    known = (self._away(raw), False)
            found.append(known)
        same = self._probe().same(self.column, [one[2] for one in asked], [one[3] for one in asked])
        for (place, text, _, raw), equal in zip(asked, same):
            # Two that are almost equal must not come to the same key.
            if equal is None or (not equal and self._stand_in_for is not None and not self.by_django):
                text = self._away(raw)
            found[place] = (text, bool(equal))
            if equal and isinstance(raw, _HASHED) and not self.by_django and len(self._known) < _MOST_KNOWN:
                self._known[(type(raw), raw)] = (text, bool(equal))
        return [one for one in found if one is not None]

    def _away(self, raw: Any) -> str:
        """Return a text that loaddata can read; raises KeyLost for a key that has none."""
        if self._stand_in_for is not None:
            text = self._stand_in_for(raw)
            if self._can_be_stored(text):
                return text
        if self._stand_in is None:
            raise KeyLost
        text = self._stand_in()
        if not self.by_django or text == "null":
            return text
        if self._readable is None:
            self._readable = next(filter(self._can_be_stored, (text, *_ANY_TEXT)), text)
        return self._readable

    def _can_be_stored(self, text: str) -> bool:
        try:
            loaded = self._loaded(text)
        except Exception:  # noqa: BLE001 - fields of others may raise anything
            return False
        return loaded is not None and self._probe().same(self.column, [loaded], [object()]) != [None]

    def _loaded(self, text: str) -> Any:
        """Return what loaddata would hand to the database for this text; raises whatever it would raise."""
        value = json.loads(text)
        target = self.field.target_field if self.field.remote_field else self.field
        value = target.to_python(value)
        return self.field.get_db_prep_save(value, connection=self._connection)


def _encodable(text: str) -> str:
    """Return JSON text whose half surrogates, which are no UTF-8, are escaped."""
    try:
        text.encode("utf-8")
    except UnicodeEncodeError:
        return json.dumps(json.loads(text))
    return text
