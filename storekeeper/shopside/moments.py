"""Compare an expiry column with a moment, whichever kind of column and time zone the shop has."""

from __future__ import annotations

import datetime
from typing import Any

from .django_start import ShopBroken

# How SQLite, which knows no times, holds a date or a moment: as a text that sorts as times do.
_SORTED_TEXT = "[0-9][0-9][0-9][0-9]-[0-9][0-9]-[0-9][0-9]*"


def require_moments(model: Any, expires: str, *, using: str) -> None:
    """
    Raise ShopBroken where the column cannot be compared with a moment.

    Its field is no date, or SQLite holds something in it that only looks like one to people.
    """
    from django.db import connections

    field = _date_field(model, expires)
    label = f"{model._meta.label}.{expires}"
    connection = connections[using]
    if connection.vendor == "sqlite":
        quote = connection.ops.quote_name
        table, column = quote(field.model._meta.db_table), quote(field.column)
        with connection.cursor() as cursor:
            cursor.execute(
                f"SELECT {column} || '' FROM {table} WHERE {column} IS NOT NULL"
                f" AND {column} NOT GLOB '{_SORTED_TEXT}' LIMIT 1"
            )
            other = cursor.fetchone()
        if other is not None:
            raise ShopBroken(
                f"{label} holds {other[0]!r}, which is no date as Django stores it: nothing is removed",
                hint="Correct the values of that column first",
            )


def expired_before(model: Any, expires: str, seconds: float) -> dict[str, Any]:
    """Give the filter for rows that expired before the moment ``seconds`` after 1970 (UTC)."""
    from django.conf import settings
    from django.db import models
    from django.utils import timezone

    moment: Any = datetime.datetime.fromtimestamp(seconds, tz=datetime.timezone.utc)
    local = moment.astimezone(timezone.get_default_timezone())
    if not isinstance(_date_field(model, expires), models.DateTimeField):
        # A date: the whole of that day is still valid.
        return {f"{expires}__lt": local.date()}
    return {f"{expires}__lt": moment if settings.USE_TZ else local.replace(tzinfo=None)}


def _date_field(model: Any, expires: str) -> Any:
    """Give the field; raises ShopBroken for one whose values do not sort as times do."""
    from django.db import models

    field = model._meta.get_field(expires)
    if not isinstance(field, models.DateField):
        raise ShopBroken(
            f"{model._meta.label}.{expires} is a {type(field).__name__}, no date and no time: nothing can be"
            " said to have expired",
            hint="Give a DateTimeField or a DateField as qr_codes.*.expires",
        )
    return field
