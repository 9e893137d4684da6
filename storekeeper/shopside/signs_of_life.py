"""When rows were last written, by the columns that Django fills in itself, and what the server says."""

from __future__ import annotations

import datetime
import time
from collections.abc import Iterator
from typing import Any

from .patience import patient
from .tables import concrete_models, databases_of

_DAYS = 1000
_STATEMENT_SECONDS = 15.0
_ALL_SECONDS = 60.0
# The day of a column: groups of it are few, whatever the number of rows.
_DAY = {"sqlite": "substr({column}, 1, 10)", "postgresql": "CAST({column} AS date)"}


def signs_of_life(now: float) -> Iterator[dict[str, Any]]:
    """
    Yield ``{"field", "moments"}`` for each column that holds when a row was written, up to ``now``.

    Only such columns speak: an expiry lies ahead of the row, a birthday far behind it. ``moments`` are the
    newest of each day, in seconds since 1970. For a database on another host also ``{"database", "clock",
    "ours"}``. A table that cannot be read, is locked or too large is passed over: it says nothing.
    """
    from django.db import Error, connections

    end = time.monotonic() + _ALL_SECONDS
    for alias in connections:
        try:
            moments = _server_clock(alias)
        except Error:
            continue
        if moments is not None:
            yield {"database": alias, "clock": moments[0], "ours": moments[1]}
    for model in concrete_models():
        fields = [field for field in model._meta.local_fields if is_stamp(field)]
        if not fields:
            continue
        try:
            aliases = databases_of(model)
        except Error:
            continue
        for field in fields:
            for alias in aliases:
                if time.monotonic() > end:
                    return
                try:
                    found = list(_moments(model, field, alias, now))
                except (Error, ValueError, TypeError, OverflowError):
                    continue
                if found:
                    yield {"field": f"{model._meta.label}.{field.name}", "moments": found}


def is_stamp(field: Any) -> bool:
    """Return whether Django fills the column with the present moment when a row is written."""
    from django.db import models

    if not isinstance(field, models.DateField):
        return False
    if field.auto_now or field.auto_now_add:
        return True
    default = field.default
    module = getattr(default, "__module__", "") or ""
    name = getattr(default, "__name__", "")
    return callable(default) and (
        (module == "django.utils.timezone" and name in ("now", "localdate", "localtime"))
        # datetime.now and date.today are methods of classes in C, without a module.
        or getattr(default, "__self__", None) in (datetime.datetime, datetime.date)
    )


def _server_clock(alias: str) -> tuple[float, float] | None:
    """Return what the clock of a server on another host says, and ours; None for a server on this one."""
    from django.db import connections

    connection = connections[alias]
    if connection.vendor != "postgresql":
        return None
    with patient(connection, lock_seconds=5, statement_seconds=5), connection.cursor() as cursor:
        cursor.execute(
            "SELECT EXTRACT(EPOCH FROM clock_timestamp()), inet_server_addr() IS NOT NULL"
            " AND inet_server_addr() IS DISTINCT FROM inet_client_addr()"
        )
        moment, elsewhere = cursor.fetchone()
    return (float(moment), time.time()) if elsewhere else None


def _moments(model: Any, field: Any, alias: str, now: float) -> Iterator[float]:
    from django.conf import settings
    from django.db import connections, models
    from django.utils import timezone

    connection = connections[alias]
    zone = timezone.get_default_timezone()
    utc = datetime.datetime.fromtimestamp(now, tz=datetime.timezone.utc)
    local = utc.astimezone(zone)
    whole = isinstance(field, models.DateTimeField)
    latest: Any = (utc if settings.USE_TZ else local.replace(tzinfo=None)) if whole else local.date()
    quote = connection.ops.quote_name
    column = quote(field.column)
    day = _DAY.get(connection.vendor, "NULL").format(column=column)
    grouped = f"GROUP BY {day}" if connection.vendor in _DAY else ""
    limits = patient(connection, lock_seconds=5, statement_seconds=_STATEMENT_SECONDS)
    with limits, connection.cursor() as cursor:
        cursor.execute(
            f"SELECT max({column}) FROM {quote(model._meta.db_table)} WHERE {column} <= %s"
            f" {grouped} ORDER BY 1 DESC LIMIT {_DAYS}",
            [field.get_db_prep_value(latest, connection)],
        )
        rows = cursor.fetchall()
    naive = datetime.timezone.utc if settings.USE_TZ else zone
    for (value,) in rows:
        if value is not None:
            # A date alone may be any time of its day; none of it lies ahead.
            yield min(_seconds(value, zone=naive if whole else zone), now)


def _seconds(value: Any, *, zone: Any) -> float:
    if isinstance(value, str):
        value = datetime.datetime.fromisoformat(value)
    if not isinstance(value, datetime.datetime):
        value = datetime.datetime.combine(value, datetime.time(23, 59, 59))
    elif isinstance(value, datetime.datetime) and value.tzinfo is None and value.time() == datetime.time(0):
        value = value.replace(hour=23, minute=59, second=59)
    if value.tzinfo is None:
        value = value.replace(tzinfo=zone) if not hasattr(zone, "localize") else zone.localize(value)
    return float(value.timestamp())
