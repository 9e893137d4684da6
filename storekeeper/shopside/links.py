"""Many-to-many links that have no model of their own, as lists beside the row they belong to."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django.db import models

from .json_text import json_text
from .names import Names

# SQLite knew no more than 999 parameters for a long time.
_KEYS_PER_QUERY = 500


class Links:
    """
    One many-to-many field; ``count`` links were written so far.

    The link table itself is read: the target's manager would hide links to rows that it hides. The
    order of links has no meaning to Django, so they are sorted by their target.
    """

    def __init__(self, field: Any, *, connection: Any, names: Names) -> None:
        self.name = field.name
        self.count = 0
        self.through = field.remote_field.through
        self._alias = connection.alias
        self._source = self.through._meta.get_field(field.m2m_field_name()).attname
        target = self.through._meta.get_field(field.m2m_reverse_field_name())
        self._target = target.attname
        self._named = names.of_field(field)

    def texts(self, keys: Sequence[Any]) -> list[str]:
        """Give the list for each of the rows with these keys, as JSON text."""
        targets: dict[Any, list[Any]] = {key: [] for key in keys}
        for start in range(0, len(keys), _KEYS_PER_QUERY):
            rows = models.QuerySet(self.through, using=self._alias).filter(
                **{f"{self._source}__in": keys[start : start + _KEYS_PER_QUERY]}
            )
            for key, target in rows.order_by().values_list(self._source, self._target):
                targets.setdefault(key, []).append(target)
        return [self._list(targets[key]) if targets[key] else "[]" for key in keys]

    def stored(self) -> int:
        """Give the number of links as the database counts them."""
        return int(models.QuerySet(self.through, using=self._alias).count())

    def _list(self, found: list[Any]) -> str:
        self.count += len(found)
        if self._named is not None:
            return f"[{', '.join(sorted(map(self._named, found)))}]"
        return f"[{', '.join(json_text(_plain(target)) for target in sorted(found))}]"


def _plain(value: Any) -> Any:
    return value if isinstance(value, (int, float)) else str(value)
