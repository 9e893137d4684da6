"""PostgreSQL's texts of moments and intervals (ISO, and its own style), and what Python makes of them."""

from __future__ import annotations

import datetime as dt
import re
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from django.conf import settings
from django.utils.duration import duration_string

from .json_text import json_text

if TYPE_CHECKING:
    from typing import Callable

_DAY = dt.timedelta(days=1)


def microseconds(text: str) -> int | None:
    """Return the microseconds that Django reads in the text of a duration."""
    from django.utils.dateparse import parse_duration

    found = parse_duration(text)
    return None if found is None else found // dt.timedelta(microseconds=1)


def local_time(connection: Any) -> Callable[[str], str]:
    """Return the function for PostgreSQL's times in the zone of the connection."""
    aware = bool(settings.USE_TZ)
    zone = connection.timezone or connection.settings_dict.get("TIME_ZONE") or settings.TIME_ZONE
    if isinstance(zone, str):
        from django.utils import timezone

        zone = timezone.get_default_timezone()

    def text(value: str) -> str:
        moment = _moment(value)
        if aware:
            return json_text(moment)
        naive = moment.replace(tzinfo=None)
        if {naive.replace(tzinfo=zone, fold=fold).utcoffset() for fold in (0, 1)} != {moment.utcoffset()}:
            raise ValueError("an hour that comes twice, or a zone of another time")
        return json_text(naive)

    return text


def _moment(value: str) -> dt.datetime:
    found = _POSTGRESQL_TIME.fullmatch(value)
    if found is None:
        raise ValueError("outside of the years that Python knows")
    seconds, fraction, sign, hours, minutes = found.groups()
    offset = dt.timedelta(hours=int(hours), minutes=int(minutes or 0))
    moment = dt.datetime.fromisoformat(seconds).replace(
        microsecond=int((fraction or "").ljust(6, "0")),
        tzinfo=dt.timezone(-offset if sign == "-" else offset),
    )
    return moment.astimezone(dt.timezone.utc) if not offset else moment


_POSTGRESQL_TIME = re.compile(r"(\d{4}-\d\d-\d\d \d\d:\d\d:\d\d)(?:\.(\d{1,6}))?([+-])(\d\d)(?::(\d\d))?")


def local_moment(value: str) -> dt.datetime:
    """Return the moment as a model instance would hold it: without a zone where the shop has none."""
    moment = _moment(value)
    return moment if settings.USE_TZ else moment.replace(tzinfo=None)


def utc_moment(value: str) -> dt.datetime:
    """Return the moment of a text in UTC; raises ValueError for one that Python does not know."""
    seconds, zone = value[:-3], value[-3:]
    if zone != "+00" or len(seconds) > 26:
        raise ValueError("outside of the years that Python knows")
    return dt.datetime.fromisoformat(f"{seconds if len(seconds) == 19 else seconds.ljust(26, '0')}+00:00")


def time_of_day(value: str) -> dt.time:
    """Return the time; raises ValueError for 24:00."""
    return dt.time.fromisoformat(value if len(value) == 8 else value.ljust(15, "0"))


_INTERVAL = re.compile(
    r"(?:(-?\d+) years? ?)?(?:([+-]?\d+) mons? ?)?(?:([+-]?\d+) days? ?)?"
    r"(?:([+-]?)(\d+):(\d\d):(\d\d(?:\.\d+)?))?"
)


def interval(value: str) -> dt.timedelta:
    """Return about what PostgreSQL's text of an interval says; months have thirty days."""
    found = _INTERVAL.fullmatch(value)
    if found is None:
        raise ValueError("no interval as PostgreSQL writes it")
    years, months, days, sign, hours, minutes, seconds = found.groups(default="0")
    time = dt.timedelta(
        hours=int(hours), minutes=int(minutes), microseconds=round(Decimal(seconds) * 1_000_000)
    )
    whole = 365 * int(years) + 30 * int(months) + int(days)
    return dt.timedelta(days=whole) + (-time if sign == "-" else time)


def same_interval(value: str) -> str:
    """An interval that Python's duration is stored as again: days, and a part of one day."""
    if "year" in value or "mon" in value:
        raise ValueError("has months")
    duration = interval(value)
    rest = duration - dt.timedelta(days=duration.days)
    days = value.partition(" day")[0] if " day" in value else "0"
    if int(days) != duration.days or not dt.timedelta(0) <= rest < _DAY:
        raise ValueError("its days are not Python's")
    text = duration_string(duration)
    if microseconds(text) != duration // dt.timedelta(microseconds=1):
        raise ValueError("not as Django reads it")
    return f'"{text}"'
