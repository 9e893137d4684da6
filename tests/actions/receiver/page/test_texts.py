"""How the pages write values: harmless texts, moments and lengths that say no more than is so."""

import datetime as dt

import pytest

from actions.receiver.page import texts

NOW = dt.datetime(2026, 11, 22, 3, 0, tzinfo=dt.timezone(dt.timedelta(hours=7)))


@pytest.mark.parametrize(
    ("given", "shown"),
    [
        ("media", "media"),
        ("ខ្មែរ\u200bផលិតផល", "ខ្មែរ\u200bផលិតផល"),
        ("name\u202egnp.exe", "name\\u202egnp.exe"),
        ("\x1b[31mred\x07", "\\x1b[31mred\\x07"),
        ("a\u2066b\u2069\u200f\u2028", "a\\u2066b\\u2069\\u200f\\u2028"),
        ("tag\U000e0041", "tag\\U000e0041"),
        ("half \udcff", "half \\udcff"),
        ("two\nlines", "two\nlines"),
    ],
)
def test_invisible_characters_are_written_out(given: str, shown: str) -> None:
    """What turns directions, moves cursors or hides is told; what Khmer needs between its words stays."""
    assert shown == texts.visible(given)


def test_percentages_never_round_up_to_a_threshold() -> None:
    """A level that is not yet reached does not read like the level."""
    assert ["79\u00a0%", "80.0\u00a0%", "94.9\u00a0%", "95.0\u00a0%", "99.9\u00a0%", "123\u00a0%"] == [
        texts.percent(ratio) for ratio in (0.789, 0.8002, 0.9499, 0.9501, 0.9999, 1.234)
    ]


@pytest.mark.parametrize(
    ("seconds", "told"),
    [(0, "0 s"), (59, "59 s"), (60, "1 min"), (125, "2 min 5 s"), (700, "11 min"), (3600, "1 h"),
     (9000, "2 h 30 min"), (86400 * 3, "3 days")],
)  # fmt: skip
def test_lengths_have_the_units_that_matter(seconds: float, told: str) -> None:
    """Seconds matter within minutes, minutes within hours, and days stand alone."""
    assert told == texts.length(seconds).replace("\u00a0", " ")


@pytest.mark.parametrize(
    ("seconds", "told"),
    [(-2, "just now"), (-30, "30 s ago"), (-150, "2 min ago"), (7 * 3600, "in 7 h"),
     (-90 * 3600, "3 days ago")],
)  # fmt: skip
def test_distances_are_told_from_now(seconds: float, told: str) -> None:
    """Past and future are told apart, with one unit."""
    assert told == texts.relative(NOW + dt.timedelta(seconds=seconds), NOW).replace("\u00a0", " ")


def test_zone_is_an_offset() -> None:
    """A zone is told so that nobody must know an abbreviation."""
    assert "UTC+07:00" == texts.zone_name(NOW)
    assert "UTC" == texts.zone_name(NOW.astimezone(dt.UTC))
    west = NOW.astimezone(dt.timezone(dt.timedelta(hours=-3, minutes=-30)))
    assert "UTC-03:30" == texts.zone_name(west)


def test_names_may_break_after_underscores_and_stay_escaped() -> None:
    """A long name gets places to break; what is in it is text."""
    assert "a_<wbr>b/<wbr>&lt;c&gt;" == texts.words("a_b/<c>")
    assert "x" * 159 + "…" == texts.short("x" * 500)
    assert "first" == texts.short("first\nsecond")
