"""
What to do about one notification of one alert: a pure decision.

An episode is one fingerprint from firing to resolved. It starts one run of its playbook; another only when
it is still reported after the cooldown, and never more than the playbook's runs per day. Cooldown, open run
and runs of the day are counted by playbook and resource: the same alert under a second fingerprint (the
replica label of a pair of Prometheus servers) starts nothing twice.
"""

import enum
from dataclasses import dataclass

from actions.receiver.payload import Status


class Verdict(enum.StrEnum):
    """What was decided; every one but RUN and CLOSE is the reason why nothing was started."""

    RUN = "run"
    CLOSE = "close"
    NOT_OPEN = "not_open"
    """Resolved, but no such episode is open."""
    FOREIGN = "foreign"
    """It is about another shop, another machine, or of another exporter."""
    NO_PLAYBOOK = "no_playbook"
    UNKNOWN_RESOURCE = "unknown_resource"
    """There is a playbook, but the config knows no such resource."""
    RUNNING = "running"
    """A run of this playbook for this resource has not ended yet."""
    OWN = "own"
    """storekeeper's own word about a run."""
    COOLDOWN = "cooldown"
    EXHAUSTED = "exhausted"


STARTS_OR_ENDS = (Verdict.RUN, Verdict.CLOSE)


@dataclass(frozen=True, kw_only=True)
class Rules:
    """How often a playbook may run for a resource: seconds between two runs, runs in 24 hours."""

    cooldown_seconds: float
    runs_per_day: int


@dataclass(frozen=True, kw_only=True)
class Past:
    """
    What the ledger knows when the notification comes.

    ``last_run_ended``, ``runs_of_day`` and ``run_is_open`` are about the playbook and the resource, over all
    episodes; ``last_run_ended`` is None where there was no run yet.
    """

    episode_is_open: bool = False
    last_run_ended: float | None = None
    runs_of_day: int = 0
    run_is_open: bool = False


def decide(
    status: Status,
    *,
    past: Past,
    rules: Rules | None,
    resource_is_known: bool,
    now: float,
    is_ours: bool = True,
) -> Verdict:
    """Return the verdict; ``rules`` is None where no playbook answers the alert."""
    if status is Status.RESOLVED and past.episode_is_open:
        return Verdict.CLOSE
    if not is_ours:
        return Verdict.FOREIGN
    if status is Status.RESOLVED:
        return Verdict.NOT_OPEN
    if rules is None:
        return Verdict.NO_PLAYBOOK
    if not resource_is_known:
        return Verdict.UNKNOWN_RESOURCE
    if past.run_is_open:
        return Verdict.RUNNING
    # A clock that was set back must not hold an alert up until it has caught up.
    if past.last_run_ended is not None and 0 <= now - past.last_run_ended < rules.cooldown_seconds:
        return Verdict.COOLDOWN
    if past.runs_of_day >= rules.runs_per_day:
        return Verdict.EXHAUSTED
    return Verdict.RUN
