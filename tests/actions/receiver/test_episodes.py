"""The decision about one notification."""

import pytest

from actions.receiver.episodes import Past, Rules, Verdict, decide
from actions.receiver.payload import Status

RULES = Rules(cooldown_seconds=3600, runs_per_day=3)
FRESH = Past()
OPEN = Past(episode_is_open=True)


@pytest.mark.parametrize(
    ("status", "past", "rules", "known", "expected"),
    [
        (Status.FIRING, FRESH, RULES, True, Verdict.RUN),
        (Status.FIRING, FRESH, None, True, Verdict.NO_PLAYBOOK),
        (Status.FIRING, FRESH, RULES, False, Verdict.UNKNOWN_RESOURCE),
        (Status.FIRING, OPEN, RULES, True, Verdict.RUN),
        (Status.FIRING, Past(episode_is_open=True, run_is_open=True), RULES, True, Verdict.RUNNING),
        (Status.FIRING, Past(run_is_open=True), RULES, True, Verdict.RUNNING),
        (Status.FIRING, Past(episode_is_open=True, last_run_ended=6401), RULES, True, Verdict.COOLDOWN),
        (Status.FIRING, Past(episode_is_open=True, last_run_ended=6400), RULES, True, Verdict.RUN),
        (Status.FIRING, Past(episode_is_open=True, last_run_ended=99_999), RULES, True, Verdict.RUN),
        (Status.FIRING, Past(runs_of_day=3), RULES, True, Verdict.EXHAUSTED),
        (Status.FIRING, Past(runs_of_day=2), RULES, True, Verdict.RUN),
        (Status.FIRING, Past(runs_of_day=3, last_run_ended=9999), RULES, True, Verdict.COOLDOWN),
        (Status.RESOLVED, OPEN, RULES, True, Verdict.CLOSE),
        (Status.RESOLVED, OPEN, None, False, Verdict.CLOSE),
        (Status.RESOLVED, FRESH, RULES, True, Verdict.NOT_OPEN),
    ],
)
def test_verdict(status: Status, past: Past, rules: Rules | None, known: bool, expected: Verdict) -> None:
    """Each case gets its verdict; a last run in the future (a clock was set back) holds nothing up."""
    assert expected == decide(status, past=past, rules=rules, resource_is_known=known, now=10_000)
