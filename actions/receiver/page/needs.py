"""What needs a person, in one list: approvals, spent runs, what fills up unseen, failures, bad backups."""

import datetime as dt
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from actions.ledger.schema import OPEN_RUN_STATES, RunState
from actions.receiver.page.alerts import OpenAlert
from actions.receiver.page.gauges import Gauge
from actions.receiver.page.shown_backups import Freshness
from actions.receiver.page.texts import parse_moment, percent, short

# A failure that is older is history: what still matters has an alert of its own.
FAILURES_COUNT_FOR: Final = dt.timedelta(days=7)
# A person hears of these levels; below, the alert's playbook has time.
LOUD: Final = ("critical", "emergency")


@dataclass(frozen=True, kw_only=True)
class Need:
    """One thing for a person: what it is, why, where to go and what that place is called."""

    what: str
    why: str
    link: str
    link_text: str
    since: str | dt.datetime | None = None


def find_needs(
    *,
    waiting: Sequence[Mapping[str, Any]],
    alerts: Sequence[OpenAlert],
    runs: Sequence[Mapping[str, Any]],
    gauges: Sequence[Gauge],
    freshness: Sequence[Freshness],
    now: dt.datetime,
) -> tuple[Need, ...]:
    """Give all needs; ``runs`` are the newest ones, newest first, ``waiting`` those before an approval."""
    asked_for = {run["id"] for run in waiting}
    told = {alert.run for alert in alerts if alert.needs_person}
    worked_on = {run["resource"] for run in runs if run["state"] in OPEN_RUN_STATES}
    worked_on |= {alert.about for alert in alerts}
    return (
        *(_approval(run) for run in waiting),
        *(_alert(alert) for alert in alerts if alert.needs_person and alert.run not in asked_for),
        *(_full(gauge) for gauge in gauges if gauge.level in LOUD and gauge.resource not in worked_on),
        *_failures(runs, told=told, now=now),
        *_bad_backups(freshness),
    )


def _approval(run: Mapping[str, Any]) -> Need:
    step = next((step["action"] for step in run["steps"] if step["state"] == "waiting"), "a step")
    return Need(
        what=f"{step} waits for approval",
        why=run["reason"],
        link=f"/runs/{run['id']}",
        link_text="Look and decide",
        since=run["waiting_since"],
    )


def _alert(alert: OpenAlert) -> Need:
    about = f" {alert.about}" if alert.about else ""
    link = ("/runs/" + alert.run, "See the last run") if alert.run else ("#alerts", "See the alert")
    return Need(
        what=f"{alert.name}{about}", why=alert.doing, link=link[0], link_text=link[1], since=alert.opened
    )


def _full(gauge: Gauge) -> Need:
    assert gauge.ratio is not None, "a level is that of a ratio"
    return Need(
        what=f"{gauge.name} is {percent(gauge.ratio)} full",
        why="No alert has come about it yet, and nothing works on it. Choose an action, or look whether"
        " Prometheus and Alertmanager run.",
        link="#actions",
        link_text="Choose an action",
    )


def _failures(
    runs: Sequence[Mapping[str, Any]], *, told: Collection[str | None], now: dt.datetime
) -> Iterator[Need]:
    """
    Give the newest run of each kind that failed; one that went well since is the answer to it.

    What ``told`` names stands in the list already, with its alert.
    """
    seen = set()
    for run in runs:
        if run["dry_run"] or not run["finished"] or run["state"] == RunState.REFUSED:
            continue
        names = tuple(step["action"] for step in run["steps"])
        kind = (run["playbook"] or names, run["resource"])
        if kind in seen:
            continue
        seen.add(kind)
        if run["id"] in told or run["state"] != RunState.FAILED:
            continue
        if now - parse_moment(run["finished"]) < FAILURES_COUNT_FOR:
            failed = [step["action"] for step in run["steps"] if step["state"] == "failed"]
            error = run["error"] or next((step["error"] for step in run["steps"] if step["error"]), "")
            yield Need(
                what=f"{', '.join(dict.fromkeys(failed or names))} failed",
                why=short(error) or "It left no word.",
                link=f"/runs/{run['id']}",
                link_text="See what to do",
                since=run["finished"],
            )


def _bad_backups(freshness: Sequence[Freshness]) -> Iterator[Need]:
    for one in freshness:
        if one.newest is None:
            continue
        if one.newest.problem:
            yield Need(
                what=f"The newest {one.kind} backup is not good",
                why=short(one.newest.problem),
                link="#backups",
                link_text="See the backups",
                since=one.newest.manifest.created,
            )
        elif one.old:
            yield Need(
                what=f"The newest {one.kind} backup is too old",
                why="The one after it is overdue.",
                link="#backups",
                link_text="See the backups",
                since=one.newest.manifest.created,
            )
