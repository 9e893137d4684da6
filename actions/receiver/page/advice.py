"""What to do next about a run: a few sentences for the person who looks at it."""

import datetime as dt
from collections.abc import Iterator, Mapping
from typing import Any

from actions.ledger.schema import RunState, Trigger
from actions.receiver.page.texts import clock_time, parse_moment
from storekeeper.config import Config, Playbook


def advise(
    run: Mapping[str, Any],
    *,
    config: Config,
    playbook: Playbook | None,
    next_due: dt.datetime | None,
    now: dt.datetime,
) -> Iterator[str]:
    """Give the sentences; ``playbook`` and ``next_due`` are what may start the same again by itself."""
    state = run["state"]
    if state == RunState.ACCEPTED:
        yield "It begins as soon as its turn comes. Nothing has been changed yet."
    elif state == RunState.WAITING:
        waits = parse_moment(run["waiting_since"])
        until = waits + (waits - config.receiver.approval_expiry.before(waits))
        yield "The step below changes something only after a person has agreed."
        yield f"Without an answer the run is cancelled by itself: {clock_time(until, now)}."
    elif state == RunState.FAILED:
        yield "Mend what the error names. Then try the step again, first as a dry run."
        yield from _again_by_itself(run, config=config, playbook=playbook, next_due=next_due, now=now)
    elif state == RunState.REFUSED:
        yield "Something else was working on the same data. Nothing was changed; start it again after that."
    elif state == RunState.CANCELLED:
        yield "Nothing more happens. What was done before it stopped stays done."
    elif state == RunState.DONE and run["dry_run"]:
        yield "Nothing was changed. If the plan below is what you want, run it."


def _again_by_itself(
    run: Mapping[str, Any],
    *,
    config: Config,
    playbook: Playbook | None,
    next_due: dt.datetime | None,
    now: dt.datetime,
) -> Iterator[str]:
    if run["trigger"] == Trigger.ALERT and playbook is not None:
        cooldown = playbook.cooldown or config.receiver.cooldown
        most = playbook.runs_per_day or config.receiver.runs_per_day
        ended = parse_moment(run["finished"])
        again = ended + (ended - cooldown.before(ended))
        times = "once" if most == 1 else f"{most} times"
        yield (
            f"If the alert still fires after {clock_time(again, now)}, storekeeper tries again by itself;"
            f" at most {times} in 24 hours."
        )
    elif run["trigger"] == Trigger.SCHEDULE and next_due is not None:
        yield f"The schedule starts it again: {clock_time(next_due, now)}."
