"""A hole in the shop's life: long silence, and after it a few signs that may carry a wrong date."""

from collections.abc import Iterable
from typing import Final

DAY_SECONDS: Final = 86400.0
# A pause that a shop may make. After a longer one an operator is asked, since files and rows that are
# written by a wrong clock carry its date and prove nothing.
LONGEST_PAUSE_SECONDS: Final = 60 * DAY_SECONDS
# A clock is not wrong for longer than this without anybody noticing.
LIFE_SECONDS: Final = 30 * DAY_SECONDS


def find_hole(moments: Iterable[float], *, now: float, known: float | None) -> tuple[float, float] | None:
    """
    Return the begin and the end of the newest hole before ``now``, None where there is none.

    ``known`` is a moment at which the clock was right; the silence is looked for since then. Without it, only
    among what came before the last LIFE_SECONDS of unbroken life: a shop that is new has nothing before.
    """
    later = now
    for moment in sorted({*moments, *([known] if known is not None else [])}, reverse=True):
        if later - moment > LONGEST_PAUSE_SECONDS:
            return moment, later
        if known is not None and moment <= known:
            return None
        later = min(later, moment)
        if known is None and now - later > LIFE_SECONDS:
            return None
    return None
