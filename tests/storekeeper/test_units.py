"""Sizes and ages as people write them."""

import datetime as dt

import pytest
from hypothesis import given
from hypothesis import strategies as st

from storekeeper.units import AGE_UNITS, SIZE_UNITS, Age, format_length, format_size, parse_age, parse_size


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("0", 0),
        ("100MB", 100_000_000),
        ("1GiB", 1024**3),
        ("1.5 kb", 1500),
        (" 10 B ", 10),
        (42, 42),
        ("2TiB", 2 * 1024**4),
    ],
)
def test_size_is_read(text: str | int, expected: int) -> None:
    """A size is a number and a unit of 1000 or 1024; letters of either case."""
    assert expected == parse_size(text)


@pytest.mark.parametrize(
    "text", ["", "MB", "100XB", "-1", -1, "1e9", "1,5MB", True, None, [], "10 MB extra", "١٠MB"]
)
def test_what_is_not_a_size_is_refused(text: object) -> None:
    """Anything else is a ValueError that says what to write."""
    with pytest.raises(ValueError, match="size"):
        parse_size(text)  # type: ignore[arg-type]


@given(st.integers(0, 10**15))
def test_number_of_bytes_is_itself(number: int) -> None:
    """A bare number is bytes, as text and as number."""
    assert number == parse_size(str(number)) == parse_size(number)


@given(st.integers(0, 10**16))
def test_formatted_size_is_close(number: int) -> None:
    """What is shown differs from the size by no more than its last digit."""
    shown = parse_size(format_size(number).replace(" ", ""))
    assert abs(shown - number) <= max(0.06 * max(u for u in SIZE_UNITS.values() if u <= max(shown, 1)), 0)


@pytest.mark.parametrize(
    ("number", "expected"),
    [
        (0, "0 B"),
        (999, "999 B"),
        (1000, "1.0 KB"),
        (999_950, "1.0 MB"),
        (1_500_000, "1.5 MB"),
        (-2_000, "-2.0 KB"),
    ],
)
def test_size_is_shown(number: int, expected: str) -> None:
    """A size is shown in powers of 1000 with one digit after the point."""
    assert expected == format_size(number)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("7d", dt.datetime(2026, 3, 24, 12)),
        ("90s", dt.datetime(2026, 3, 31, 11, 58, 30)),
        ("1h", dt.datetime(2026, 3, 31, 11)),
        ("2 weeks", dt.datetime(2026, 3, 17, 12)),
        ("1 month", dt.datetime(2026, 2, 28, 12)),
        ("3 months", dt.datetime(2025, 12, 31, 12)),
        ("1 year", dt.datetime(2025, 3, 31, 12)),
    ],
)
def test_age_counts_back(text: str, expected: dt.datetime) -> None:
    """Months are calendar months, cut to the month's length; the rest is exact."""
    assert expected == parse_age(text).before(dt.datetime(2026, 3, 31, 12))


@pytest.mark.parametrize("text", ["", "7", "d", "7 fortnights", "1.5 months", "-1d", 7, None])
def test_what_is_not_an_age_is_refused(text: object) -> None:
    """An age without a known unit is a ValueError that says what to write."""
    with pytest.raises(ValueError, match=r"age|months"):
        parse_age(text)  # type: ignore[arg-type]


@given(st.integers(0, 10_000), st.sampled_from(sorted(AGE_UNITS)), st.datetimes(dt.datetime(1500, 1, 1)))
def test_every_age_lies_in_the_past(amount: int, unit: str, moment: dt.datetime) -> None:
    """No age leads to the future, whatever its unit."""
    try:
        assert parse_age(f"{amount}{unit}").before(moment) <= moment
    except (OverflowError, ValueError) as error:
        # Before the year 1 there is no datetime; nothing else may fail.
        assert "range" in str(error) or "year" in str(error)


@pytest.mark.parametrize(
    ("age", "expected"),
    [
        (Age(seconds=604800), "7d"),
        (Age(seconds=5400), "90min"),
        (Age(seconds=0.5), "0.5s"),
        (Age(months=3), "3 months"),
    ],
)
def test_ages_are_shown_in_their_largest_whole_unit(age: Age, expected: str) -> None:
    """What is shown reads back as the same age."""
    assert expected == str(age)
    assert age == parse_age(str(age))


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0, "0 seconds"),
        (118, "118 seconds"),
        (7200, "2 hours"),
        (37 * 3600, "37 hours"),
        (2 * 86400 - 20, "2 days"),
        (730 * 86400 + 5, "730 days"),
    ],
)
def test_lengths_are_written_in_the_largest_unit_that_fits_twice(seconds: float, text: str) -> None:
    """A length is for a reader, who wants no more than one unit."""
    assert format_length(seconds) == text
