"""Retention: which backups stay, as a pure function of times and proofs."""

import datetime as dt

from hypothesis import given
from hypothesis import strategies as st

from actions.backups.retention import Candidate, decide
from storekeeper.config import Retention

NOW = dt.datetime(2025, 12, 31, 23, 0, tzinfo=dt.UTC)
GUIDE = Retention(daily=7, weekly=4, monthly=12)

candidates = st.lists(
    st.builds(
        lambda minutes, verified: (NOW - dt.timedelta(minutes=minutes), verified),
        st.integers(min_value=-5_000, max_value=900_000),
        st.booleans(),
    ),
    max_size=60,
).map(
    lambda found: [
        Candidate(name=f"backup{index}", created=created, verified=verified)
        for index, (created, verified) in enumerate(found)
    ]
)
rules = st.builds(
    Retention,
    daily=st.integers(min_value=1, max_value=9),
    weekly=st.integers(min_value=0, max_value=6),
    monthly=st.integers(min_value=0, max_value=14),
)


def kept(found: list[Candidate], *, keep: Retention = GUIDE, now: dt.datetime = NOW) -> set[str]:
    """Give the names that stay."""
    return {decision.name for decision in decide(found, keep=keep, now=now) if decision.keep}


def daily(count: int, *, until: dt.datetime = NOW, verified: bool = True) -> list[Candidate]:
    """Give one backup a day for so many days."""
    return [
        Candidate(name=f"day{index}", created=until - dt.timedelta(days=index), verified=verified)
        for index in range(count)
    ]


def test_two_years_of_days_leave_the_guides_number() -> None:
    """Of 730 daily backups 7 days, 4 weeks and 12 months stay, some of them counted by two rules."""
    decisions = [one for one in decide(daily(730), keep=GUIDE, now=NOW) if one.keep]
    counts = {
        period: sum(any(why.startswith(period) for why in one.reasons) for one in decisions)
        for period in ("daily", "weekly", "monthly")
    }
    assert counts == {"daily": 7, "weekly": 4, "monthly": 12}
    assert [one.name for one in decisions[:7]] == [f"day{index}" for index in range(7)]


def test_pause_empties_nothing() -> None:
    """After months without a backup the seven last days that have one are still there."""
    found = daily(7, until=NOW - dt.timedelta(days=200))
    assert kept(found) == {one.name for one in found}


def test_several_backups_of_a_day_leave_the_newest() -> None:
    """With a rule for days alone each day keeps its newest backup, and the oldest of all has room."""
    found = [
        Candidate(name=f"hour{index}", created=NOW - dt.timedelta(hours=index), verified=True)
        for index in range(48)
    ]
    assert kept(found, keep=Retention(daily=2, weekly=0, monthly=0)) == {"hour0", "hour24"}
    assert kept(found, keep=Retention(daily=3, weekly=0, monthly=0)) == {"hour0", "hour24", "hour47"}


def test_unverified_backups_fill_no_rule() -> None:
    """A hundred newer backups that nobody proved do not drive out one that was."""
    proved = Candidate(name="proved", created=NOW - dt.timedelta(days=150), verified=True)
    found = [*daily(100, verified=False), proved]
    assert "proved" in kept(found)


@given(candidates, rules)
def test_newest_verified_always_stays(found: list[Candidate], keep: Retention) -> None:
    """Whatever the rules and the times, the newest proved backup is never removed."""
    proved = [one for one in found if one.verified and one.created <= NOW]
    if proved:
        newest = max(proved, key=lambda one: (one.created, one.name))
        assert newest.name in kept(found, keep=keep)


@given(candidates, rules)
def test_future_ones_stay(found: list[Candidate], keep: Retention) -> None:
    """A backup with a time that has not come yet is never removed."""
    assert {one.name for one in found if one.created > NOW} <= kept(found, keep=keep)


@given(candidates, rules)
def test_pruning_twice_removes_no_more(found: list[Candidate], keep: Retention) -> None:
    """What stays once stays again: the oldest that had room keeps it."""
    first = kept(found, keep=keep)
    assert kept([one for one in found if one.name in first], keep=keep) == first


@given(candidates, rules)
def test_order_of_the_list_does_not_matter(found: list[Candidate], keep: Retention) -> None:
    """The decision is about times alone."""
    assert kept(found[::-1], keep=keep) == kept(found, keep=keep)


@given(candidates, rules)
def test_unverified_ones_change_nothing_for_verified_ones(found: list[Candidate], keep: Retention) -> None:
    """With or without unproved backups the same proved ones stay."""
    proved = [one for one in found if one.verified]
    assert kept(found, keep=keep) & {one.name for one in proved} == kept(proved, keep=keep)


@given(candidates, rules)
def test_not_more_stay_than_the_rules_allow(found: list[Candidate], keep: Retention) -> None:
    """Of the proved ones of the past no more stay than the rules add up to."""
    past = {one.name for one in found if one.verified and one.created <= NOW}
    allowed = max(1, keep.daily + keep.weekly + keep.monthly)
    assert len(kept(found, keep=keep) & past) <= allowed


@given(candidates, rules)
def test_without_a_proved_backup_nothing_goes(found: list[Candidate], keep: Retention) -> None:
    """Where no backup was proved all of them stay."""
    unproved = [one for one in found if not one.verified]
    assert kept(unproved, keep=keep) == {one.name for one in unproved}


def test_only_the_newest_may_still_be_proved() -> None:
    """An unverified backup stays while it is newer than the newest verified one; an older one goes."""
    hours = {"newer": 1, "verified": 2, "older": 3}
    found = [
        Candidate(name=name, created=NOW - dt.timedelta(hours=ago), verified=name == "verified")
        for name, ago in hours.items()
    ]
    assert {"newer", "verified"} == kept(found)
    reasons = {one.name: one.reasons for one in decide(found, keep=GUIDE, now=NOW)}
    assert ("not verified yet",) == reasons["newer"]
    assert "made last" not in reasons["verified"]
