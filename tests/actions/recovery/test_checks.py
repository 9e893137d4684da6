"""The verdict of all checks: what failed decides, and what did not run has not passed."""

from typing import Any

import pytest

from actions.recovery.checks import Check, Verdict, verdict_of
from actions.recovery.sql_checks import same

GOOD, BAD, OPEN = Verdict.VERIFIED, Verdict.FAILED, Verdict.INCONCLUSIVE


@pytest.mark.parametrize(
    ("found", "verdict"),
    [
        ([GOOD, GOOD], GOOD),
        ([GOOD, BAD, OPEN], BAD),
        ([GOOD, OPEN], OPEN),
        ([GOOD], OPEN),
        ([], OPEN),
    ],
)
def test_the_worst_decides(found: list[Verdict], verdict: Verdict) -> None:
    """Two checks are planned; one that is not there did not run."""
    checks = [Check(name=f"check {number}", verdict=one, told="") for number, one in enumerate(found)]
    assert verdict_of(checks, planned=["check 0", "check 1"]) is verdict


def test_without_any_check_nothing_is_verified() -> None:
    """A drill that has asked nothing knows nothing."""
    assert verdict_of([], planned=[]) is OPEN


@pytest.mark.parametrize(
    ("answer", "expected", "equal"),
    [
        (5, 5, True),
        (5, 5.0, True),
        ("5.00", 5, True),
        (5, "5", True),
        (5, 6, False),
        (None, None, True),
        (None, 0, False),
        (0, None, False),
        ("a", "a", True),
        ("a", "A", False),
        (1, True, True),
        (0, True, False),
        (True, True, True),
    ],
)
def test_answers_are_compared_by_value(answer: Any, expected: Any, equal: bool) -> None:
    """A number is a number however it is written; no row is only equal to null."""
    assert same(answer, expected) is equal
