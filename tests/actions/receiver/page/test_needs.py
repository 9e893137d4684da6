"""What the page calls for a person about, and what it leaves to storekeeper."""

import datetime as dt
from pathlib import Path
from typing import Any

import pytest

from actions.receiver.page.alerts import OpenAlert
from actions.receiver.page.gauges import Gauge
from actions.receiver.page.needs import find_needs
from actions.receiver.page.offers import ASKS_NOTHING
from actions.receiver.page.shown_backups import read_freshness
from actions.table import ACTIONS
from storekeeper.backups import Backup, Manifest

NOW = dt.datetime(2026, 11, 22, 3, 0, tzinfo=dt.UTC)


def run(state: str, *, id: str = "r1", action: str = "rotate_logs", hours: float = 1, **more: Any) -> Any:
    """Give a run as the history tells it."""
    ended = None if state in ("running", "waiting") else (NOW - dt.timedelta(hours=hours)).isoformat()
    step = {"action": action, "state": state, "error": ""}
    return {
        "id": id, "state": state, "playbook": "", "resource": "", "reason": "why", "dry_run": False,
        "error": "no room" if state == "failed" else "", "finished": ended, "waiting_since": NOW.isoformat(),
        "steps": [step], **more,
    }  # fmt: skip


def alert(**more: Any) -> OpenAlert:
    """Give an open alert that needs nobody."""
    values = {
        "name": "StorageUsageCritical",
        "level": "critical",
        "about": "media",
        "runs": 1,
        "doing": "…",
    }
    return OpenAlert(opened=NOW.isoformat(), last_news=NOW.isoformat(), **{**values, **more})


def backup(*, hours: float, error: str = "") -> Backup:
    """Give a backup of the database."""
    manifest = Manifest(
        file="b.json", created=NOW - dt.timedelta(hours=hours), format="json", sha256="", size_bytes=1,
        verification_error=error,
    )  # fmt: skip
    return Backup(path=Path("b.json"), manifest=manifest)


def needs(**given: Any) -> list[str]:
    """Give what is called for a person."""
    backups = given.pop("backups", [])
    values: dict[str, Any] = {"waiting": [], "alerts": [], "runs": [], "gauges": [], **given}
    found = find_needs(**values, freshness=read_freshness(backups, now=NOW), now=NOW)
    return [need.what for need in found]


def test_nothing_is_needed_while_all_is_well() -> None:
    """Runs that are done, alerts that are worked on and a fresh backup call for nobody."""
    assert [] == needs(runs=[run("done")], alerts=[alert()], backups=[backup(hours=25)])


@pytest.mark.parametrize(
    ("runs", "told"),
    [
        ([run("failed")], ["rotate_logs failed"]),
        ([run("done", id="new"), run("failed")], []),
        ([run("failed", id="new"), run("done")], ["rotate_logs failed"]),
        ([run("running", id="new"), run("failed")], ["rotate_logs failed"]),
        ([run("refused", id="new"), run("failed")], ["rotate_logs failed"]),
        ([run("done", id="new", action="backup_media"), run("failed")], ["rotate_logs failed"]),
        ([run("failed", dry_run=True)], []),
        ([run("failed", hours=24 * 8)], []),
    ],
)
def test_failure_calls_until_the_same_went_well(runs: list[Any], told: list[str]) -> None:
    """The newest run of a kind decides; dry runs, refusals and what is a week old do not count."""
    assert told == needs(runs=runs)


def test_one_trouble_is_told_once() -> None:
    """A run that waits or failed for an alert that calls already is not told a second time."""
    waiting = run("waiting", id="w")
    assert ["rotate_logs waits for approval"] == needs(
        waiting=[waiting], alerts=[alert(needs_person=True, run="w")], runs=[waiting]
    )
    assert ["StorageUsageCritical media"] == needs(
        alerts=[alert(needs_person=True, run="r1")], runs=[run("failed", resource="media")]
    )


def test_full_resource_calls_when_nobody_works_on_it() -> None:
    """What is critical without an alert and without a run needs a person; a warning does not."""
    full = Gauge(name="media", resource="media", ratio=0.93, level="critical")
    assert ["media is 93.0\u00a0% full"] == needs(gauges=[full])
    assert [] == needs(gauges=[full], alerts=[alert()])
    assert [] == needs(gauges=[full], runs=[run("running", resource="media")])
    assert [] == needs(gauges=[Gauge(name="media", resource="media", ratio=0.85, level="warning")])


def test_bad_and_old_backups_call() -> None:
    """A backup that a trial found bad, or whose successor is overdue, needs a person."""
    assert ["The newest database backup is not good"] == needs(backups=[backup(hours=1, error="sums differ")])
    assert ["The newest database backup is too old"] == needs(backups=[backup(hours=27)])


def test_what_asks_nothing_exists() -> None:
    """The actions that start without a question are actions."""
    assert ASKS_NOTHING <= set(ACTIONS)
