"""Models and the databases that hold their rows; every query here sees all rows, whatever managers hide."""

from __future__ import annotations

import functools
from collections.abc import Iterator
from typing import Any

PAGE_ROWS = 10_000


def model_of(label: str) -> Any:
    """Give the model ``app.Model``."""
    from django.apps import apps

    return apps.get_model(label)


def all_rows(model: Any, *, using: str) -> Any:
    """Give every row; a manager, also the base manager, may leave rows out."""
    from django.db import models

    return models.QuerySet(model, using=using)


def databases_of(model: Any) -> list[str]:
    """
    Give the aliases that may hold rows of the model: the one it is written to, then others with its table.

    Others are those that it is read from, and all that may have the table by the word of the shop's routers.
    The first is asked in any case: a table that is missing there is an error of the query.
    """
    from django.db import connections, router

    main = router.db_for_write(model)
    others = [
        alias
        for alias in connections
        if alias != main
        and (alias == router.db_for_read(model) or router.allow_migrate_model(alias, model))
        and _is_there(alias, model._meta.db_table)
    ]
    return [main, *others]


@functools.lru_cache(maxsize=None)
def _is_there(alias: str, table: str) -> bool:
    from django.db import connections

    from .present import places

    return table in places(connections[alias], [table])


def concrete_models() -> Iterator[Any]:
    """Give the models that have a table of their own."""
    from django.apps import apps

    for model in apps.get_models(include_auto_created=True):
        if not (model._meta.proxy or model._meta.swapped):
            yield model


def pages(rows: Any, *fields: str, size: int = PAGE_ROWS) -> Iterator[list[tuple[Any, ...]]]:
    """
    Give (key, fields...) of the rows in the order of their keys, a page at a time.

    Bounded in memory also where the driver or a connection pooler has no cursors on the server.
    """
    last = None
    while True:
        query = rows.order_by("pk") if last is None else rows.filter(pk__gt=last).order_by("pk")
        page = list(query.values_list("pk", *fields)[:size])
        if page:
            yield page
        if len(page) < size:
            return
        last = page[-1][0]


def parameter_limit(alias: str) -> int:
    """Give how many values one statement may carry, at most 2000."""
    from django.db import connections

    connection = connections[alias]
    if connection.vendor == "sqlite":
        import sqlite3

        connection.ensure_connection()
        getlimit = getattr(connection.connection, "getlimit", None)
        limit = getlimit(sqlite3.SQLITE_LIMIT_VARIABLE_NUMBER) if getlimit else 999
        return min(limit - 100, 2000)
    return min((connection.features.max_query_params or 2100) - 100, 2000)
