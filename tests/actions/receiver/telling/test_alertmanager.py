"""The outcome of a run as an alert, through a real Alertmanager to a person's webhook."""

from typing import Any

import pytest
import requests

from actions.ledger.rows import NewRun, NewStep
from actions.ledger.schema import RunState, StepState, Trigger
from actions.runner import now_here

DONE, FAILED = "StorageActionDone", "StorageActionFailed"


def active(alertmanager: str) -> list[dict[str, str]]:
    """Give the labels of what fires now."""
    alerts = requests.get(f"{alertmanager}/api/v2/alerts", timeout=5).json()
    return [alert["labels"] for alert in alerts]


@pytest.fixture
def teller(telling_config: Any, make_teller: Any, alertmanager: str) -> Any:
    """A teller whose StorageActionDone lasts two seconds."""
    return make_teller(telling_config(alertmanager=alertmanager, notify="done_for: 2s"))


def test_a_success_is_told_with_what_it_freed_and_ends_by_itself(
    teller: Any, history: Any, alertmanager: str, inbox: Any, eventually: Any
) -> None:
    """The message names run, page and runbook; no second request is needed for its end."""
    run = history.run(freed_bytes=1_234_567)
    teller.send_due()
    eventually(lambda: inbox.heard)
    expected = {
        "alertname": DONE,
        "severity": "info",
        "action": "remove_files",
        "resource": "media",
        "shop": "sample",
        "instance": "sample",
    }
    assert [expected] == active(alertmanager)
    (name, status, annotations) = inbox.heard[0]
    assert (DONE, "firing") == (name, status)
    assert "remove_files has freed 1.2 MB." == annotations.pop("summary")
    assert annotations.pop("runbook_url").endswith("/runbooks/StorageActionDone.md")
    assert {
        "description": f"removed 3 files\nRun {run}, started by the schedule.",
        "freed": "1.2 MB",
        "freed_bytes": "1234567",
        "run": run,
        "dashboard_url": "/d/storekeeper-actions?var-shop=sample",
        "page_url": f"https://shop.example.org:9732/runs/{run}",
    } == annotations
    eventually(lambda: (DONE, "resolved") in inbox.names())
    assert [] == active(alertmanager)


def test_a_failure_stands_until_the_same_action_succeeds(
    teller: Any, history: Any, alertmanager: str, inbox: Any, eventually: Any
) -> None:
    """Another action's success does not end it; the same one's does, whoever started it."""
    history.run(failed="the disk said no\nMend it")
    teller.send_due()
    eventually(lambda: (FAILED, "firing") in inbox.names())
    assert "the disk said no\nMend it" in inbox.heard[0][2]["description"]
    history.run("write_batches")
    teller.send_due()
    eventually(lambda: (DONE, "firing") in inbox.names())
    assert FAILED in [labels["alertname"] for labels in active(alertmanager)]
    history.run(trigger=Trigger.COMMAND_LINE, who="anna")
    teller.send_due()
    eventually(lambda: (FAILED, "resolved") in inbox.names())
    assert FAILED not in [labels["alertname"] for labels in active(alertmanager)]


def test_a_failure_in_an_emergency_is_critical(
    teller: Any, history: Any, alertmanager: str, inbox: Any, eventually: Any, alert: Any
) -> None:
    """It takes the place of the warning about the same action; a step that worked is told beside it."""
    history.run("fail_always", failed="no")
    teller.send_due()
    eventually(lambda: (FAILED, "firing") in inbox.names())
    ledger = history.ledger
    with ledger.file.write() as connection:
        episode = connection.execute(
            "INSERT INTO episodes (fingerprint, alertname, severity, resource, labels, opened, last_news)"
            " VALUES ('f', 'StorageUsageEmergency', 'emergency', 'media', '{}', 0, 0)"
        ).lastrowid
    steps = [NewStep(action="fail_always"), NewStep(action="remove_files")]
    run = ledger.accept(
        NewRun(
            trigger=Trigger.ALERT,
            who="Alertmanager",
            alertname="StorageUsageEmergency",
            resource="media",
            episode=episode,
            steps=steps,
        )
    )
    for position, state in enumerate((StepState.FAILED, StepState.DONE)):
        ledger.begin_step(run, position)
        ledger.end_step(run, position, state=state, error="no" if state is StepState.FAILED else "")
    ledger.end_run(run, state=RunState.FAILED)
    teller.send_due()
    eventually(lambda: (FAILED, "resolved") in inbox.names())
    found = sorted((one["alertname"], one["action"], one["severity"]) for one in active(alertmanager))
    assert [(DONE, "remove_files", "info"), (FAILED, "fail_always", "critical")] == found


def test_an_alertmanager_that_has_forgotten_is_reminded_of_failures(
    teller: Any, history: Any, alertmanager: str, inbox: Any, eventually: Any, rows_of_outbox: Any
) -> None:
    """It keeps alerts in memory only; what has succeeded since is not said again."""
    history.run("write_batches", failed="for a moment")
    history.run("write_batches")
    failed = history.run(failed="still")
    with history.ledger.file.write() as connection:
        connection.execute("DELETE FROM outbox")
    assert [] == rows_of_outbox()
    teller.remind()
    eventually(lambda: inbox.heard)
    assert [(FAILED, "remove_files")] == [(one["alertname"], one["action"]) for one in active(alertmanager)]
    assert failed == inbox.heard[0][2]["run"]


def test_a_failure_that_nobody_mends_ends_in_the_end(
    telling_config: Any, make_teller: Any, history: Any, alertmanager: str, inbox: Any, eventually: Any
) -> None:
    """After failed_for it is told no more, not by a reminder either."""
    teller = make_teller(telling_config(alertmanager=alertmanager, notify="failed_for: 2s"))
    history.run(failed="no")
    teller.send_due()
    eventually(lambda: (FAILED, "resolved") in inbox.names())
    teller.remind()
    assert [] == active(alertmanager)


def test_a_run_that_was_cancelled_is_no_news(
    teller: Any, history: Any, alertmanager: str, rows_of_outbox: Any
) -> None:
    """Whoever cancelled it knows."""
    history.run(cancelled=True)
    teller.send_due()
    assert [] == active(alertmanager)
    assert [] == rows_of_outbox()


def test_a_success_that_is_told_late_is_heard_all_the_same(
    teller: Any, telling_config: Any, history: Any, inbox: Any, eventually: Any
) -> None:
    """The receiver was down for an hour after the run: the alert lasts from now, or nobody would hear it."""
    run = history.run()
    with history.ledger.file.write() as connection:
        an_hour_ago = now_here().timestamp() - 3600
        connection.execute("UPDATE runs SET finished = ?", (an_hour_ago,))
        connection.execute("UPDATE steps SET finished = ?", (an_hour_ago,))
    teller.send_due()
    eventually(lambda: (DONE, "firing") in inbox.names())
    assert run == inbox.heard[0][2]["run"]
