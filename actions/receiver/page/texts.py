"""How the pages write values: untrusted text made harmless, sizes, moments and lengths of time for people."""

import datetime as dt
import unicodedata
from typing import Any, Final

from markupsafe import Markup, escape

from storekeeper.units import format_size

# Kept although they are invisible: Khmer and other scripts break and join their words with them.
_WANTED: Final = frozenset("\n\t\u200b\u200c\u200d")
# Controls, marks that turn the writing direction and other invisible ones, line separators, half pairs.
_HARMFUL: Final = frozenset({"Cc", "Cf", "Cs", "Zl", "Zp"})
_SHORT_CHARACTERS: Final = 160


def visible(value: Any) -> Any:
    """
    Give a text whose invisible characters are written out, such as ``\\u202e``; other values as they are.

    The pages' environment sends every value through here before it escapes it.
    """
    if not isinstance(value, str) or isinstance(value, Markup) or value.isprintable():
        return value
    return "".join(
        letter.encode("unicode_escape").decode("ascii")
        if letter not in _WANTED and unicodedata.category(letter) in _HARMFUL
        else letter
        for letter in value
    )


def short(text: str) -> str:
    """Give the first line of a text, cut where a phone would be full of it."""
    line = text.partition("\n")[0]
    return line if len(line) <= _SHORT_CHARACTERS else f"{line[: _SHORT_CHARACTERS - 1]}…"


def size(size_bytes: int) -> str:
    """Write bytes so that number and unit stay in one line."""
    return format_size(size_bytes).replace(" ", "\u00a0")


def percent(ratio: float) -> str:
    """Write a share as people compare it with the thresholds: 94.7 % is not yet 95 %."""
    # A hair over the threshold must not read like the threshold, so never rounded up.
    return (
        f"{int(ratio * 1000) / 10:.1f}\u00a0%" if 0.79 < ratio < 1 else f"{ratio:.0%}".replace("%", "\u00a0%")
    )


def words(name: str) -> str:
    """Give a name with places where a line may break after its underscores and slashes."""
    return Markup("<wbr>").join(escape(visible(part)) for part in _split(name))


def _split(name: str) -> list[str]:
    return [part for part in name.replace("_", "_\0").replace("/", "/\0").split("\0") if part]


def parse_moment(text: str | dt.datetime) -> dt.datetime:
    """Give a moment of the ledger, or any other, in this machine's time."""
    return (text if isinstance(text, dt.datetime) else dt.datetime.fromisoformat(text)).astimezone()


def zone_name(moment: dt.datetime) -> str:
    """Name the zone in a way that needs no knowledge of abbreviations: ``UTC+07:00``."""
    offset = f"{moment:%z}"
    return f"UTC{offset[:3]}:{offset[3:5]}" if moment.utcoffset() else "UTC"


def clock_time(text: str | dt.datetime, now: dt.datetime, *, seconds: bool = False) -> str:
    """Write a moment in this machine's time, as long as it must be: the day only when it is another one."""
    moment = parse_moment(text)
    time = f"{moment:%H:%M:%S}" if seconds else f"{moment:%H:%M}"
    if moment.date() == now.date():
        return time
    day = f"{moment:%a} {moment.day} {moment:%b}"
    return f"{day} {time}" if moment.year == now.year else f"{day} {moment.year} {time}"


def length(seconds: float) -> str:
    """Write a length of time with the one or two units that matter."""
    whole = max(0, int(seconds))
    minutes, hours = whole // 60, whole // 3600
    if whole < 60:
        return f"{whole}\u00a0s"
    if whole < 600 and whole % 60:
        return f"{minutes}\u00a0min\u00a0{whole % 60}\u00a0s"
    if minutes < 60:
        return f"{minutes}\u00a0min"
    if hours < 48:
        return f"{hours}\u00a0h\u00a0{minutes % 60}\u00a0min" if minutes % 60 else f"{hours}\u00a0h"
    return f"{hours // 24}\u00a0days"


def relative(text: str | dt.datetime, now: dt.datetime) -> str:
    """Write how far a moment lies from now: ``5 min ago``, ``in 3 h``, ``just now``."""
    seconds = (parse_moment(text) - now).total_seconds()
    distance = abs(seconds)
    if distance < 5:
        return "just now"
    # Seconds only flicker beside minutes, and minutes beside hours.
    step = 1 if distance < 60 else 60 if distance < 7200 else 3600
    told = length(distance // step * step)
    return f"in {told}" if seconds > 0 else f"{told} ago"


def time_element(shown: str, moment: str | dt.datetime) -> Markup:
    """Give ``<time>`` with the exact moment and its zone for machines and for who points at it."""
    exact = parse_moment(moment)
    return Markup('<time datetime="{}" title="{} {}">{}</time>').format(
        exact.isoformat(timespec="seconds"), f"{exact:%Y-%m-%d %H:%M:%S}", zone_name(exact), shown
    )
