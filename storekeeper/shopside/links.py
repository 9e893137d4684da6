"""Many-to-many links that have no model of their own, as lists beside the row they belong to."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from django.core.serializers.base import DeserializedObject
from django.db import models

from .json_text import json_text
from .names import Names
from .table_query import is_about_a_value

# SQLite knew no more than 999 parameters for a long time.
_KEYS_PER_QUERY = 500
_NAMED = 3


class Links:
    """
    One many-to-many field; ``count`` links were written so far.

    ``unread`` are there where a key is odd: the lines of the link table have all links, and a restore takes
    them alone.

    The link table itself is read: the target's manager would hide links to rows that it hides. The
    order of links has no meaning to Django, so they are sorted by their target.
    """

    def __init__(self, field: Any, *, connection: Any, names: Names) -> None:
        self.name = field.name
        self.count = 0
        self.unread = False
        self.through = field.remote_field.through
        self._alias = connection.alias
        self._source = self.through._meta.get_field(field.m2m_field_name()).attname
        target = self.through._meta.get_field(field.m2m_reverse_field_name())
        self._target = target.attname
        self._named = names.of_field(field)
        self._symmetrical = bool(getattr(field.remote_field, "symmetrical", False))

    def texts(self, keys: Sequence[Any]) -> list[str]:
        """Give the list for each of the rows with these keys, as JSON text; None is one that no line has."""
        targets: dict[Any, list[Any]] = {}
        known = [key for key in keys if key is not None]
        self.unread = self.unread or len(known) < len(keys)
        for start in range(0, len(known), _KEYS_PER_QUERY):
            for key, target in self._pairs(known[start : start + _KEYS_PER_QUERY]):
                targets.setdefault(key, []).append(target)
        return [self._list(targets[key]) if key in targets else "[]" for key in keys]

    def _pairs(self, keys: Sequence[Any]) -> list[tuple[Any, Any]]:
        rows = models.QuerySet(self.through, using=self._alias).filter(**{f"{self._source}__in": keys})
        try:
            return list(rows.order_by().values_list(self._source, self._target))
        except Exception as error:
            if not is_about_a_value(error):
                raise
            if len(keys) == 1:
                self.unread = True
                return []
        return [pair for key in keys for pair in self._pairs([key])]

    def stored(self) -> int:
        """Give the number of links as the database counts them."""
        return int(models.QuerySet(self.through, using=self._alias).count())

    def one_sided(self) -> dict[str, Any] | None:
        """
        Return how many links of a symmetrical field have none the other way, and the first rows' keys.

        Django knows none such: loaddata makes the other, or removes the one. None where there are none.
        """
        if not self._symmetrical:
            return None
        links = models.QuerySet(self.through, using=self._alias)
        back = links.filter(
            **{self._source: models.OuterRef(self._target), self._target: models.OuterRef(self._source)}
        )
        sided = links.annotate(back=models.Exists(back)).filter(back=False)
        count = sided.count()
        if not count:
            return None
        found = sided.order_by(self._source, self._target).values_list(self._source, flat=True)[:_NAMED]
        try:
            keys = list(map(str, found))
        except Exception as error:
            if not is_about_a_value(error):
                raise
            keys = []
        return {"rows": count, "keys": keys}

    def _list(self, found: list[Any]) -> str:
        self.count += len(found)
        if self._named is not None:
            return f"[{', '.join(sorted(map(self._named, found)))}]"
        return f"[{', '.join(json_text(_plain(target)) for target in sorted(found))}]"


@contextmanager
def links_as_rows() -> Iterator[None]:
    """
    Let loaddata leave links alone whose tables' rows it has loaded already.

    Of the lists beside a row it would make links both ways where the database has them one way, and remove
    what a list does not have.
    """
    loaded = set()
    original = DeserializedObject.save

    def save(self: Any, *given: Any, **named: Any) -> None:
        model = type(self.object)
        loaded.add(model)
        self.m2m_data = {
            name: targets
            for name, targets in (self.m2m_data or {}).items()
            if model._meta.get_field(name).remote_field.through not in loaded
        }
        original(self, *given, **named)

    DeserializedObject.save = save
    try:
        yield
    finally:
        DeserializedObject.save = original


def _plain(value: Any) -> Any:
    return value if isinstance(value, (int, float)) else str(value)
