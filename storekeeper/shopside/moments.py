"""Compare an expiry column with a moment, whichever kind of column and time zone the shop has."""

from __future__ import annotations

import datetime
from typing import Any


def expired_before(model: Any, expires: str, seconds: float) -> dict[str, Any]:
    """Give the filter for rows that expired before the moment ``seconds`` after 1970 (UTC)."""
    from django.conf import settings
    from django.db import models
    from django.utils import timezone

    moment: Any = datetime.datetime.fromtimestamp(seconds, tz=datetime.timezone.utc)
    local = moment.astimezone(timezone.get_default_timezone())
    if not isinstance(model._meta.get_field(expires), models.DateTimeField):
        # A date: the whole of that day is still valid.
        return {f"{expires}__lt": local.date()}
    return {f"{expires}__lt": moment if settings.USE_TZ else local.replace(tzinfo=None)}
