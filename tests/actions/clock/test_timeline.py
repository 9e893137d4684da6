"""The hole in the life of a shop."""

import itertools

from hypothesis import given
from hypothesis import strategies as st

from actions.clock.timeline import DAY_SECONDS, LIFE_SECONDS, LONGEST_PAUSE_SECONDS, find_hole

NOW = 4000 * DAY_SECONDS
DAYS = st.lists(st.integers(1, 4000), max_size=40)


def test_pauses() -> None:
    """Sixty days are a pause, more is a hole; what lies before a month of life is of no interest."""
    assert find_hole([NOW, NOW - LONGEST_PAUSE_SECONDS], now=NOW, known=None) is None
    assert find_hole([NOW, NOW - LONGEST_PAUSE_SECONDS - 1], now=NOW, known=None) == (
        NOW - LONGEST_PAUSE_SECONDS - 1,
        NOW,
    )
    life = [NOW, NOW - LIFE_SECONDS - 1]
    assert find_hole([*life, 0], now=NOW, known=None) is None
    assert find_hole([*life, 0], now=NOW, known=0) == (0, NOW - LIFE_SECONDS - 1)
    assert find_hole([], now=NOW, known=None) is None
    assert find_hole([], now=NOW, known=0) == (0, NOW)


@given(DAYS, st.integers(1, 4000))
def test_every_hole_since_the_known_moment_is_found(days: list[int], known: int) -> None:
    """Compared with a plain look at each day."""
    moments = [day * DAY_SECONDS for day in days]
    life = sorted({known, 4000, *(day for day in days if day > known)})
    silences = [(later - earlier) * DAY_SECONDS for earlier, later in itertools.pairwise(life)]
    expected = any(silence > LONGEST_PAUSE_SECONDS for silence in silences)
    found = find_hole(moments, now=NOW, known=known * DAY_SECONDS)
    assert (found is not None) == expected


@given(DAYS)
def test_more_life_opens_no_hole(days: list[int]) -> None:
    """A moment between others never makes a hole longer."""
    moments = [day * DAY_SECONDS for day in days]
    every = [day * DAY_SECONDS for day in range(1, 4001)]
    assert find_hole([*moments, *every], now=NOW, known=None) is None
