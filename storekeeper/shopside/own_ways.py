"""Models whose own code has a hand in the values of a new object: what it makes of them is tried."""

from __future__ import annotations

import inspect
import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from .columns import KeyLost
from .oddities import Oddities
from .written import Written

_WAYS = ("__new__", "__init__", "__setattr__", "__getattribute__")


class OwnWays:
    """
    One such model: for each line an object is made as loaddata makes it.

    A value that is another one in the object stands beside the fields.
    """

    def __init__(self, model: Any, *, connection: Any) -> None:
        self._model = model
        self._connection = connection

    @classmethod
    def of(cls, model: Any, *, connection: Any) -> OwnWays | None:
        """Return the ways of a model, None for one whose objects are made by Django alone."""
        own = any(
            not one.__module__.startswith("django.") and name in vars(one)
            for one in model.__mro__
            if one is not object
            for name in _WAYS
        )
        attributes = (
            inspect.getattr_static(model, field.attname, None) for field in model._meta.concrete_fields
        )
        if own or not all(type(one).__module__.startswith("django.") for one in attributes):
            return cls(model, connection=connection)
        return None

    def beside(
        self,
        written: Sequence[tuple[Any, Written, Sequence[Any]]],
        *,
        by_number: Sequence[Any],
        odd: Oddities,
    ) -> None:
        """
        Put what a block's objects would lose beside the fields: of each field its texts and stored values.

        Fields ``by_number`` are written by name. Raises KeyLost where the key would be another one.
        """
        fields = [field for field, _, _ in written]
        stored = [values for _, _, values in written]
        with _savepoint(self._connection):
            for row, texts in enumerate(zip(*(column.whole() for _, column, _ in written))):
                values = [
                    int(stored[place][row] or 0) if field in by_number else json.loads(text)
                    for place, (field, text) in enumerate(zip(fields, texts))
                ]
                for place, field in enumerate(self._changed(fields, values)):
                    if field is None or odd.has(row, field.column):
                        continue
                    if field.primary_key:
                        raise KeyLost
                    odd.add(row, field.column, stored[place][row])

    def _changed(self, fields: Sequence[Any], values: Sequence[Any]) -> list[Any]:
        """Return each field whose value is another one in the object, None for the others."""
        try:
            given = [
                value if value is None else _target(field).to_python(value)
                for field, value in zip(fields, values)
            ]
            made = self._model(**{field.attname: value for field, value in zip(fields, given)})
            found = [getattr(made, field.attname) for field in fields]
        except Exception:  # noqa: BLE001 - the shop's own code: loaddata would fail as well, and say so
            return []
        return [None if self._same(field, *pair) else field for field, *pair in zip(fields, given, found)]

    def _same(self, field: Any, given: Any, found: Any) -> bool:
        if given is found or (type(given) is type(found) and given == found):
            return True
        try:
            one, other = (
                field.get_db_prep_save(value, connection=self._connection) for value in (given, found)
            )
        except Exception:  # noqa: BLE001 - fields of others may raise anything
            return False
        return type(one) is type(other) and (bool(one == other) or repr(one) == repr(other))


def _target(field: Any) -> Any:
    return field.target_field if field.remote_field else field


@contextmanager
def _savepoint(connection: Any) -> Iterator[None]:
    """What the shop's code asks of the database may fail there, and must not end the reading."""
    if connection.vendor == "sqlite":
        yield
        return
    with connection.cursor() as cursor:
        cursor.execute("SAVEPOINT storekeeper_ways")
        try:
            yield
        finally:
            cursor.execute("ROLLBACK TO SAVEPOINT storekeeper_ways")
            cursor.execute("RELEASE SAVEPOINT storekeeper_ways")
