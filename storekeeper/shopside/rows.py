"""Rows that name a QR code image: those that expired, and their removal."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from .moments import expired_before
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
        late = expired_before(table, expires, before)
        named = all_rows(table, using=alias).exclude(**{file: ""}).exclude(**{f"{file}__isnull": True})
        rows = named if everything else named.filter(**late)
        for page in pages(rows, file, size=PAGE_ROWS if stands_alone(table) else 500):
            keys = [key for key, _ in page]
            expired = set(keys)
            if everything:
                expired = set()
                for part in _parts(keys, alias):
                    expired.update(named.filter(pk__in=part, **late).values_list("pk", flat=True))
            reasons = {}
            if default:
                reasons = {_text(key): "it names the default image" for key, name in page if name == default}
            if mode == "delete" and not stands_alone(table):
                for part in _parts(keys, alias):
                    reasons.update(
                        {_text(key): why for key, why in blocked(table, part, using=alias).items()}
                    )
            yield {
                "database": alias,
                "rows": [[_text(key), name, key in expired] for key, name in page],
                "blocked": reasons,
            }


def remove_rows(
    model: str,
    file: str,
    expires: str,
    before: float,
    everything: bool,
    mode: str,
    database: str,
    rows: list[list[str]],
) -> Iterator[dict[str, int]]:
    """
    Delete the rows ([key, name of the file]), or empty their file field, where they are still as planned.

    Still: expired before that moment (unless ``everything``), naming the same file, deleted alone. Each
    part is one transaction. A row that somebody else holds locked is left for the next run. Gives
    ``{"changed": N}``, the rows changed by then, after each commit.
    """
    from django.db import connections, transaction

    table = model_of(model)
    planned = {table._meta.pk.to_python(key): name for key, name in rows}
    features = connections[database].features
    lock: dict[str, Any] = {}
    if features.has_select_for_update_skip_locked:
        lock["skip_locked"] = True
    if features.has_select_for_update_of:
        lock["of"] = ("self",)
    changed = 0
    for part in _parts(list(planned), database):
        with transaction.atomic(using=database):
            _take_write_lock(table, database)
            every = all_rows(table, using=database)
            wanted = every.filter(pk__in=part)
            if not everything:
                wanted = wanted.filter(**expired_before(table, expires, before))
            if features.has_select_for_update:
                wanted = wanted.select_for_update(**lock)
            still = [key for key, name in wanted.values_list("pk", file) if name == planned[key]]
            if still and mode == "clear":
                every.filter(pk__in=still).update(**_emptied(table, file))
            elif still:
                if not stands_alone(table):
                    stopped = blocked(table, still, using=database)
                    still = [key for key in still if key not in stopped]
                every.filter(pk__in=still).delete()
        changed += len(still)
        yield {"changed": changed}


def _parts(keys: list[Any], alias: str) -> Iterator[list[Any]]:
    size = parameter_limit(alias)
    for start in range(0, len(keys), size):
        yield keys[start : start + size]


def _text(key: Any) -> str:
    return str(key)


def _take_write_lock(table: Any, database: str) -> None:
    """
    Make SQLite wait for other writers now.

    A transaction that has read and then wants to write fails at once when somebody wrote in between.
    """
    from django.db import connections

    connection = connections[database]
    if connection.vendor == "sqlite":
        with connection.cursor() as cursor:
            cursor.execute(f"DELETE FROM {connection.ops.quote_name(table._meta.db_table)} WHERE 1 = 0")


def _emptied(table: Any, file: str) -> dict[str, Any]:
    """Give what an empty file field is in this model, the sizes of an image with it."""
    field = table._meta.get_field(file)
    values = {file: None if field.null else ""}
    for name in (getattr(field, "width_field", None), getattr(field, "height_field", None)):
        if name and table._meta.get_field(name).null:
            values[name] = None
    return values
