"""Rows that name a QR code image, and have expired."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from .moments import expired_before, require_moments
from .related import blocked, stands_alone
from .tables import PAGE_ROWS, all_rows, databases_of, model_of, pages, parameter_limit


def expired_rows(
    model: str, file: str, expires: str, before: float, everything: bool, mode: str
) -> Iterator[dict[str, Any]]:
    """
    Give pages of the rows that expired before a moment, or with ``everything`` of all rows that name a file.

    A page is ``{"database", "rows": [[key as text, name of the file, whether it expired], ...],
    "blocked": {key: why}}``; blocked are the rows whose deletion would delete more than themselves.
    """
    table = model_of(model)
    default = table._meta.get_field(file).get_default()
    for alias in databases_of(table):
        require_moments(table, expires, using=alias)
        late = expired_before(table, expires, before)
        named = all_rows(table, using=alias).exclude(**{file: ""}).exclude(**{f"{file}__isnull": True})
        rows = named if everything else named.filter(**late)
        for page in pages(rows, file, size=PAGE_ROWS if stands_alone(table) else 500):
            keys = [key for key, _ in page]
            expired = set(keys)
            if everything:
                expired = set()
                for part in parts(keys, alias):
                    expired.update(named.filter(pk__in=part, **late).values_list("pk", flat=True))
            reasons = {}
            if default:
                reasons = {
                    text_of(key): "it names the default image" for key, name in page if name == default
                }
            if mode == "delete" and not stands_alone(table):
                for part in parts(keys, alias):
                    reasons.update(
                        {text_of(key): why for key, why in blocked(table, part, using=alias).items()}
                    )
            yield {
                "database": alias,
                "rows": [[text_of(key), name, key in expired] for key, name in page],
                "blocked": reasons,
            }


def parts(keys: list[Any], alias: str) -> Iterator[list[Any]]:
    """Yield the keys in as many as one statement may carry."""
    size = parameter_limit(alias)
    for start in range(0, len(keys), size):
        yield keys[start : start + size]


def text_of(key: Any) -> str:
    """Return a key as it is told to storekeeper."""
    return str(key)
