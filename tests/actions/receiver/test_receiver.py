"""The receiver over HTTP."""

import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import requests
from prometheus_client.parser import text_string_to_metric_families

from actions.receiver import housekeeper

Make = Callable[..., dict[str, Any]]


def test_alert_runs_its_playbook(receiver: Any, alert: Make, tmp_path: Path) -> None:
    """A webhook is answered at once, its playbook removes the files, history and metrics tell of it."""
    answer = receiver.send(alert("StorageUsageWarning", resource="media", severity="warning"))
    assert 202 == answer.status_code
    (run,) = answer.json()["runs"]
    ended = receiver.wait_for(run, "done", "failed")
    assert ("done", "removed 3 files", 600) == (ended["state"], ended["summary"], ended["freed_bytes"])
    assert ["new.png"] == [path.name for path in (tmp_path / "media").iterdir()]
    assert ["old0.png", "old1.png", "old2.png"] == sorted(ended["steps"][0]["log"])
    assert "StorageUsageWarning for media" == ended["reason"]
    assert 1 == receiver.metric("storekeeper_alerts_received_total")
    assert 1 == receiver.metric('storekeeper_action_runs_total{action="remove_files"}')
    assert 600 == receiver.metric('storekeeper_action_freed_bytes_total{action="remove_files"}')
    assert 0 == receiver.metric('storekeeper_action_runs_total{action="fail_always"}')


def test_root_that_does_not_answer_holds_up_no_run(
    monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest, alert: Make
) -> None:
    """What the receiver tidies up may hang, as on a server that is away; alerts are acted on all the same."""
    answers = threading.Event()
    monkeypatch.setattr(housekeeper, "finish_removals", lambda _: answers.wait())
    receiver: Any = request.getfixturevalue("receiver")
    try:
        for name in ("StorageUsageWarning", "StorageUsageEmergency"):
            (run,) = receiver.send(alert(name, resource="media")).json()["runs"]
            assert receiver.wait_for(run, "done", "failed")
    finally:
        answers.set()


def test_emergency_goes_on_until_there_is_room(receiver: Any, alert: Make, tmp_path: Path) -> None:
    """Usage is read from the files after each step: a failed step is passed over, the last not needed."""
    (run,) = receiver.send(alert("StorageUsageEmergency", resource="media")).json()["runs"]
    ended = receiver.wait_for(run, "done", "failed")
    assert ["failed", "done", "skipped"] == [step["state"] for step in ended["steps"]]
    assert "failed" == ended["state"]
    assert "3 steps: 1 done, 1 failed, 1 not needed; 600 B freed" == ended["summary"]
    assert ["new.png"] == [path.name for path in (tmp_path / "media").iterdir()]
    assert 1 == receiver.metric('storekeeper_action_failures_total{action="fail_always"}')


def test_other_playbook_stops_at_a_failed_step(receiver: Any, alert: Make, tmp_path: Path) -> None:
    """What follows a failed step may build on it, so it is not begun."""
    (run,) = receiver.send(alert("FailingAlert")).json()["runs"]
    ended = receiver.wait_for(run, "done", "failed")
    assert ["failed", "skipped"] == [step["state"] for step in ended["steps"]]
    assert "it cannot be done\nNothing helps" == ended["error"]
    assert 4 == len(list((tmp_path / "media").iterdir()))


def test_spent_budget_calls_for_a_person(receiver: Any, alert: Make) -> None:
    """When the day's runs are spent and the alert still fires, metric and page say so until it resolves."""
    series = 'storekeeper_episodes_exhausted{alertname="FailingAlert",resource=""}'
    (run,) = receiver.send(alert("FailingAlert")).json()["runs"]
    receiver.wait_for(run, "failed")
    assert 0 == receiver.metric(series)
    assert ["exhausted"] == receiver.send(alert("FailingAlert")).json()["decisions"]
    assert 1 == receiver.metric(series)
    assert "A person is needed." in receiver.get("/").text
    receiver.send(alert("FailingAlert", status="resolved"))
    assert None is receiver.metric(series)
    assert 1 == receiver.metric('storekeeper_alerts_skipped_total{reason="exhausted"}')


def test_step_waits_for_a_person(receiver: Any, alert: Make, tmp_path: Path) -> None:
    """A step with approval begins only after a person approved it, and the steps before it stay done."""
    (run,) = receiver.send(alert("CarefulAlert")).json()["runs"]
    waiting = receiver.wait_for(run, "waiting")
    assert ["done", "waiting"] == [step["state"] for step in waiting["steps"]]
    assert 4 == len(list((tmp_path / "media").iterdir()))
    assert 202 == receiver.post(f"/api/v1/runs/{run}/approve").status_code
    ended = receiver.wait_for(run, "done", "failed")
    assert [("done", 1), ("done", 1)] == [(step["state"], step["attempts"]) for step in ended["steps"]]
    assert ["approved by tester, by the token", "old0.png"] == sorted(ended["steps"][1]["log"])[:2]
    assert 409 == receiver.post(f"/api/v1/runs/{run}/approve").status_code
    assert 409 == receiver.post(f"/api/v1/runs/{run}/cancel").status_code


def test_waiting_and_running_runs_can_be_cancelled(receiver: Any, alert: Make) -> None:
    """A waiting run is cancelled at once, a running one at its next safe point; later steps never begin."""
    (waiting,) = receiver.send(alert("CarefulAlert")).json()["runs"]
    receiver.wait_for(waiting, "waiting")
    assert "cancelled" == receiver.post(f"/api/v1/runs/{waiting}/cancel").json()["state"]
    (slow,) = receiver.send(alert("SlowAlert")).json()["runs"]
    receiver.wait_for(slow, "running")
    receiver.post(f"/api/v1/runs/{slow}/cancel")
    ended = receiver.wait_for(slow, "done", "failed", "cancelled")
    assert "cancelled" == ended["state"]
    assert "cancelled" == ended["steps"][2]["state"]


def test_run_by_hand(receiver: Any, tmp_path: Path) -> None:
    """A person starts an action; a dry run gives the plan and touches nothing."""
    wanted = {"action": "remove_files", "options": {"names": "old*"}, "dry_run": True}
    answer = receiver.post("/api/v1/runs", json=wanted)
    assert 202 == answer.status_code
    planned = receiver.wait_for(answer.json()["id"], "done", "failed")
    assert "dry run: 3 files" == planned["summary"]
    assert ["old0.png", "old1.png", "old2.png"] == sorted(planned["steps"][0]["details"]["plan"]["files"])
    assert 4 == len(list((tmp_path / "media").iterdir()))
    assert 0 == receiver.metric('storekeeper_action_runs_total{action="remove_files"}')
    run = receiver.post("/api/v1/runs", json={**wanted, "dry_run": False}).json()["id"]
    receiver.wait_for(run, "done")
    assert 1 == len(list((tmp_path / "media").iterdir()))
    assert "tester, by the token, api" == receiver.get(f"/api/v1/runs/{run}").json()["reason"]


@pytest.mark.parametrize(
    "body",
    [
        {"action": "no_such"},
        {"action": "remove_files", "options": {"unknown": 1}},
        {"action": "remove_files", "command": "rm"},
        {"action": "remove_files", "options": {"output": "/etc"}},
        {"options": {}},
        [],
    ],
)
def test_wrong_request_for_a_run_is_refused(receiver: Any, body: Any) -> None:
    """An unknown action, option or key, or a path, is 400 and starts nothing."""
    assert 400 == receiver.post("/api/v1/runs", json=body).status_code
    assert [] == receiver.runs()


def test_history_has_pages_and_filters(receiver: Any) -> None:
    """The list is newest first, in pages that neither repeat nor miss a run."""
    wanted = {"action": "remove_files", "dry_run": True}
    made = [receiver.post("/api/v1/runs", json=wanted).json()["id"] for _ in range(5)]
    found, before = [], ""
    while True:
        page = receiver.get(f"/api/v1/runs?limit=2&before={before}").json()
        found += [run["id"] for run in page["runs"]]
        if page["next"] is None:
            break
        before = page["next"]
    assert made[::-1] == found
    assert 5 == len(receiver.get("/api/v1/runs?action=remove_files&trigger=api").json()["runs"])
    assert [] == receiver.get("/api/v1/runs?trigger=alert").json()["runs"]
    assert 400 == receiver.get("/api/v1/runs?state=nonsense").status_code
    assert 404 == receiver.get("/api/v1/runs/nonsense").status_code


def test_malformed_and_too_large_bodies_are_refused(receiver: Any) -> None:
    """400 for what is no message, 413 above 1 MiB, 415 for what a form could send; nothing is kept."""
    url = f"{receiver.url}/api/v1/alerts"
    json_type = {"content-type": "application/json"}
    assert 400 == requests.post(url, data=b"\xff\x00{", headers=json_type, timeout=30).status_code
    assert 400 == requests.post(url, json={"version": "4"}, timeout=30).status_code
    too_long = b" " * (1024 * 1024 + 1)
    assert 413 == receiver.post("/api/v1/runs", data=too_long, headers=json_type).status_code
    chunks = iter([b" " * 65536] * 40)
    try:
        status = requests.post(url, data=chunks, headers=json_type, timeout=30).status_code
    except requests.ConnectionError:
        # The server may hang up before it has taken all that it refused.
        status = 413
    assert 413 == status
    assert (
        415 == requests.post(url, data="{}", headers={"content-type": "text/plain"}, timeout=30).status_code
    )
    assert 405 == receiver.get("/api/v1/alerts").status_code
    assert 0 == receiver.metric("storekeeper_alerts_received_total")


def test_other_sites_cannot_reach_in_through_a_browser(receiver: Any) -> None:
    """What a browser sends for another site is refused, even with the right token; a link is followed."""
    wanted = {"action": "remove_files"}
    for headers in (
        {"origin": "https://evil.example"},
        {"origin": "null"},
        {"sec-fetch-site": "cross-site"},
        {"sec-fetch-site": "same-site"},
    ):
        assert 403 == receiver.post("/api/v1/runs", json=wanted, headers=headers).status_code
        assert 403 == receiver.get("/api/v1/runs", headers=headers).status_code
    link = {"sec-fetch-site": "cross-site", "sec-fetch-mode": "navigate", "sec-fetch-dest": "document"}
    assert 200 == receiver.get("/", headers=link).status_code
    assert 403 == receiver.get("/", headers={**link, "sec-fetch-dest": "iframe"}).status_code
    assert (
        403
        == receiver.post("/start", data={"action": "remove_files"}, headers={"origin": "null"}).status_code
    )
    assert [] == receiver.runs()


def test_metrics_are_well_formed(receiver: Any) -> None:
    """Every family of the page can be parsed and has our prefix, every series is of this shop."""
    families = list(text_string_to_metric_families(receiver.get("/metrics").text))
    assert {sample.labels.get("shop") for family in families for sample in family.samples} == {"sample"}
    assert all(family.name.startswith("storekeeper_") and family.documentation for family in families)
    assert receiver.get("/-/healthy").ok


def test_answer_does_not_wait_for_the_action(receiver: Any, alert: Make) -> None:
    """A webhook is answered while a run goes on, long before Alertmanager would try again."""
    receiver.send(alert("SlowAlert"))
    begin = time.monotonic()
    assert 202 == receiver.send(alert("StorageUsageWarning", resource="media")).status_code
    assert time.monotonic() - begin < 5
