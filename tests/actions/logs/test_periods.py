"""Names of archives and the calendar periods in them."""

import datetime as dt

import pytest
from hypothesis import given
from hypothesis import strategies as st

from storekeeper.measure.log_periods import (
    Kind,
    Period,
    archive_name,
    choose_period,
    is_expired,
    parse_archive_name,
    parse_dated_log_name,
)
from storekeeper.units import Age

KINDS: st.SearchStrategy[Kind] = st.sampled_from(["monthly", "weekly", "daily"])
DAYS = st.dates(min_value=dt.date(1990, 1, 1), max_value=dt.date(2200, 1, 1))
STEMS = st.text(
    alphabet=st.characters(blacklist_categories=("Cs",), blacklist_characters="/\0"), min_size=1, max_size=40
)


@given(stem=STEMS, day=DAYS, kind=KINDS)
def test_a_name_tells_its_log_and_its_period(stem: str, day: dt.date, kind: Kind) -> None:
    """What an archive is called is read back as the same log and period, whatever the log is called."""
    period = Period.of(day, kind=kind)
    assert (f"{stem}.log", period) == parse_archive_name(archive_name(f"{stem}.log", period=period))


@given(day=DAYS, kind=KINDS)
def test_periods_are_whole_and_lie_side_by_side(day: dt.date, kind: Kind) -> None:
    """Each day is in its period, and the period before ends where this one begins."""
    period = Period.of(day, kind=kind)
    assert period.start <= day < period.end
    assert period.previous.end == period.start
    assert Period.of(period.end, kind=kind).start == period.end


@given(first=DAYS, second=DAYS, kind=KINDS)
def test_names_of_later_periods_sort_later(first: dt.date, second: dt.date, kind: Kind) -> None:
    """Archives of a log stand in the order of time when they are listed by name."""
    early, late = sorted(
        (Period.of(first, kind=kind), Period.of(second, kind=kind)), key=lambda one: one.start
    )
    assert archive_name("a.log", period=early) <= archive_name("a.log", period=late)


@given(today=DAYS, day=DAYS, months=st.integers(min_value=1, max_value=36))
def test_three_months_are_three_calendar_months(today: dt.date, day: dt.date, months: int) -> None:
    """An archive goes when at least that many whole months lie between its month and the present one."""
    period = Period.of(day, kind="monthly")
    between = (today.year - day.year) * 12 + today.month - day.month - 1
    now = dt.datetime.combine(today, dt.time(1), tzinfo=dt.UTC)
    long_ago = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)
    assert (between >= months) == is_expired(period, written=long_ago, keep=Age(months=months), now=now)


@given(oldest=DAYS, newest=DAYS, kind=KINDS)
def test_lines_are_filed_at_most_one_period_early(oldest: dt.date, newest: dt.date, kind: Kind) -> None:
    """No line is removed more than one period early, and none is filed later than it was written."""
    period = choose_period(oldest=oldest, newest=newest, kind=kind)
    last = Period.of(newest, kind=kind)
    assert period in (last, last.previous)


@pytest.mark.parametrize(
    ("oldest", "newest", "month"),
    [
        ("2025-11-01", "2025-12-01", "2025_11"),
        ("2025-11-01", "2025-11-30", "2025_11"),
        ("2025-11-30", "2025-12-31", "2025_12"),
        ("2025-09-01", "2025-12-01", "2025_12"),
        ("2025-12-03", "2025-12-07", "2025_12"),
        (None, "2025-11-30", "2025_11"),
    ],
)
def test_a_piece_is_filed_under_the_month_that_most_of_it_is_of(
    oldest: str | None, newest: str, month: str
) -> None:
    """A rotation just after a month's end files under that month, whatever the first minutes have added."""
    day = dt.date.fromisoformat(oldest) if oldest else None
    period = choose_period(oldest=day, newest=dt.date.fromisoformat(newest), kind="monthly")
    assert month == str(period)


@pytest.mark.parametrize(
    "name",
    [
        "django.log.gz",
        "django_2025_13.log.gz",
        "django_2025_W54.log.gz",
        "_2025_11.log.gz",
        "django_2025_11.log",
    ],
)
def test_other_names_are_no_archives(name: str) -> None:
    """What does not end with a real period is not ours to remove."""
    assert parse_archive_name(name) is None


def test_a_log_that_was_dated_by_hand_is_known() -> None:
    """The guide's manual way leaves django_2025_11.log, which is no log that is being written."""
    assert ("django.log", Period(kind="monthly", start=dt.date(2025, 11, 1))) == parse_dated_log_name(
        "django_2025_11.log"
    )
    assert parse_dated_log_name("django.log") is None
