"""Sizes, ages and rates as people write them in a config: ``100MB``, ``1GiB``, ``7d``, ``3 months``."""

import calendar
import datetime as dt
import re
from dataclasses import dataclass
from typing import Final

SIZE_UNITS: Final = {
    "": 1,
    "B": 1,
    "KB": 1000,
    "MB": 1000**2,
    "GB": 1000**3,
    "TB": 1000**4,
    "KIB": 1024,
    "MIB": 1024**2,
    "GIB": 1024**3,
    "TIB": 1024**4,
}

AGE_UNITS: Final = {
    "s": "seconds",
    "second": "seconds",
    "m": "minutes",
    "min": "minutes",
    "minute": "minutes",
    "h": "hours",
    "hour": "hours",
    "d": "days",
    "day": "days",
    "w": "weeks",
    "week": "weeks",
    "month": "months",
    "y": "years",
    "year": "years",
}

_QUANTITY = re.compile(r"\s*([0-9]+(?:\.[0-9]+)?)\s*([A-Za-z]*)\s*")


def parse_size(text: str | int) -> int:
    """
    Give the number of bytes that ``text`` means; ``MB`` is 1000² and ``MiB`` is 1024².

    Raises ValueError, with what to write instead, for anything that is not a size.
    """
    if isinstance(text, bool) or not isinstance(text, int | str):
        raise ValueError("write a size such as 100MB, 1GiB or a number of bytes")
    if isinstance(text, int):
        if text < 0:
            raise ValueError("a size cannot be negative")
        return text
    match = _QUANTITY.fullmatch(text)
    factor = SIZE_UNITS.get(match[2].upper()) if match else None
    if match is None or factor is None:
        raise ValueError("write a size such as 100MB, 1GiB or a number of bytes")
    return round(float(match[1]) * factor)


def format_size(size_bytes: int) -> str:
    """Write bytes for a person, in powers of 1000, with as many digits as they can use."""
    sign, rest = ("-", -size_bytes) if size_bytes < 0 else ("", size_bytes)
    for unit, factor in (("TB", 1000**4), ("GB", 1000**3), ("MB", 1000**2), ("KB", 1000)):
        # 999.95 KB is already 1.0 MB to a reader.
        if rest >= factor * 0.99995:
            return f"{sign}{rest / factor:.1f} {unit}"
    return f"{sign}{rest} B"


def format_length(seconds: float) -> str:
    """Write a length of time for an operator, in the largest unit that it has two of, as ``40 hours``."""
    for unit, factor in (("days", 86400), ("hours", 3600), ("minutes", 60)):
        # A moment less than two days is two days to a reader.
        if abs(seconds) >= 1.99 * factor:
            return f"{int(seconds / factor + 0.01)} {unit}"
    return f"{int(seconds)} seconds"


@dataclass(frozen=True, kw_only=True)
class Age:
    """A length of time in calendar months and exact seconds; ``3 months`` is not 90 days."""

    months: int = 0
    seconds: float = 0.0

    def before(self, moment: dt.datetime) -> dt.datetime:
        """Give the moment that lies this long before ``moment``; the day is cut to the month's length."""
        index = moment.year * 12 + moment.month - 1 - self.months
        year, month = divmod(index, 12)
        day = min(moment.day, calendar.monthrange(year, month + 1)[1])
        return moment.replace(year=year, month=month + 1, day=day) - dt.timedelta(seconds=self.seconds)

    def __str__(self) -> str:
        parts = [f"{self.months} months"] if self.months else []
        if self.seconds or not parts:
            units = (("d", 86400), ("h", 3600), ("min", 60), ("s", 1))
            name, length = next(
                ((name, length) for name, length in units if not self.seconds % length), units[-1]
            )
            parts.append(f"{self.seconds / length:g}{name}")
        return " ".join(parts)


def parse_age(text: str | int) -> Age:
    """
    Give the age that ``text`` means: ``90s``, ``1h``, ``7d``, ``2 weeks``, ``3 months``, ``1 year``.

    Raises ValueError, with what to write instead; a bare number is refused since its unit is a guess.
    """
    match = _QUANTITY.fullmatch(text) if isinstance(text, str) else None
    word = match[2].lower() if match else ""
    unit = AGE_UNITS.get(word) or AGE_UNITS.get(word.removesuffix("s"))
    if match is None or unit is None:
        raise ValueError("write an age with its unit, such as 1h, 7d, 4 weeks or 3 months")
    amount = float(match[1])
    if unit in ("months", "years"):
        if not amount.is_integer():
            raise ValueError("months and years are whole numbers")
        return Age(months=int(amount) * (12 if unit == "years" else 1))
    return Age(seconds=dt.timedelta(**{unit: amount}).total_seconds())
