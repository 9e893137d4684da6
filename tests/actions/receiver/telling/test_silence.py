"""A silence for the alert that a run works on, in a real Alertmanager."""

import datetime as dt
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import requests

from actions.ledger.file import LedgerFile
from actions.ledger.ledger import Ledger
from actions.ledger.rows import NewRun, NewStep
from actions.ledger.schema import RunState, Trigger
from actions.receiver.telling.silence import PAUSES_SECONDS, Silencer
from actions.runner import now_here
from storekeeper.config.services import Service
from storekeeper.units import Age

LABELS = '{"alertname": "StorageUsageWarning", "resource": "media", "note": "ពេញ"}'


def silences(alertmanager: str) -> list[dict[str, Any]]:
    """Give the silences in force."""
    found = requests.get(f"{alertmanager}/api/v2/silences", timeout=5).json()
    return [silence for silence in found if silence["status"]["state"] != "expired"]


@pytest.fixture
def ledger(config: Any) -> Iterator[Ledger]:
    """The shop's ledger with one open episode."""
    file = LedgerFile(config.state)
    with file.write() as connection:
        connection.execute(
            "INSERT INTO episodes (id, fingerprint, alertname, severity, resource, labels, opened, last_news)"
            " VALUES (1, 'f', 'StorageUsageWarning', '', 'media', ?, 0, 0)",
            (LABELS,),
        )
    yield Ledger(file, now=now_here)
    file.close()


def begin(ledger: Ledger, **more: Any) -> str:
    """Accept a run for the episode."""
    steps = [NewStep(action="remove_files")]
    run = ledger.accept(
        NewRun(**{"trigger": Trigger.ALERT, "who": "Alertmanager", "episode": 1, "steps": steps, **more})
    )
    assert run
    return run


@pytest.fixture
def make_silencer(ledger: Ledger, alertmanager: str) -> Callable[..., Silencer]:
    """A factory of silencers, each like that of a new process; ``counted`` keeps what came of requests."""

    def make(*, url: str = alertmanager, enabled: bool = True, **more: Any) -> Silencer:
        return Silencer(
            ledger.file,
            service=Service(url=url),
            shop="sample",
            enabled=enabled,
            lasts=Age(seconds=3600),
            now=now_here,
            count=more.pop("counted", []).append,
            **more,
        )

    return make


def test_a_silence_lasts_as_long_as_the_run(ledger: Ledger, make_silencer: Any, alertmanager: str) -> None:
    """It matches the alert's own labels exactly, names the run, and would end by itself after an hour."""
    counted: list[bool] = []
    silencer = make_silencer(counted=counted)
    silencer.reconcile()
    assert [] == silences(alertmanager)
    run = begin(ledger)
    silencer.reconcile()
    silencer.reconcile()
    (silence,) = silences(alertmanager)
    assert [
        ("alertname", "StorageUsageWarning", False, True),
        ("note", "ពេញ", False, True),
        ("resource", "media", False, True),
    ] == sorted((m["name"], m["value"], m["isRegex"], m["isEqual"]) for m in silence["matchers"])
    assert run in silence["comment"]
    lasts = dt.datetime.fromisoformat(silence["endsAt"]) - dt.datetime.fromisoformat(silence["startsAt"])
    assert 3590 < lasts.total_seconds() <= 3600
    ledger.end_run(run, state=RunState.DONE)
    silencer.reconcile()
    assert [] == silences(alertmanager)
    assert [True, True] == counted


def test_only_work_on_an_alert_is_silenced(ledger: Ledger, make_silencer: Any, alertmanager: str) -> None:
    """Not a run that waits for a person, who must hear of the alert; nor a dry run, nor one without alert."""
    waiting = begin(ledger)
    ledger.wait_for_approval(waiting, 0)
    begin(ledger, dry_run=True)
    begin(ledger, trigger=Trigger.SCHEDULE, episode=None)
    make_silencer().reconcile()
    assert [] == silences(alertmanager)


def test_what_a_killed_receiver_left_is_cleaned_at_the_next_start(
    ledger: Ledger, make_silencer: Any, alertmanager: str
) -> None:
    """The silence of a run that goes on is taken over, others of ours end, and other people's stay."""
    ended, open_run = begin(ledger), begin(ledger)
    make_silencer().reconcile()
    theirs = {
        "matchers": [{"name": "a", "value": "b", "isRegex": False, "isEqual": True}],
        "startsAt": now_here().isoformat(),
        "endsAt": (now_here() + dt.timedelta(hours=1)).isoformat(),
        "createdBy": "anna",
        "comment": f"storekeeper is at work: {ended}",
    }
    requests.post(f"{alertmanager}/api/v2/silences", json=theirs, timeout=5).raise_for_status()
    before = {silence["comment"]: silence["id"] for silence in silences(alertmanager)}
    assert 3 == len(before)
    ledger.end_run(ended, state=RunState.FAILED, error="killed")
    make_silencer().reconcile()
    after = {silence["comment"]: silence["id"] for silence in silences(alertmanager)}
    assert {
        comment: before[comment] for comment in before if "works" not in comment or open_run in comment
    } == (after)
    # Switched off meanwhile: nothing of ours stays.
    make_silencer(enabled=False).reconcile()
    assert ["anna"] == [silence["createdBy"] for silence in silences(alertmanager)]


def test_a_silence_that_is_gone_already_is_no_error(
    ledger: Ledger, make_silencer: Any, alertmanager: str
) -> None:
    """A person removed it, or Alertmanager has lost its memory: the end of the run is the end of it."""
    moment = [0.0]
    silencer = make_silencer(clock=lambda: moment[0])
    run = begin(ledger)
    silencer.reconcile()
    (silence,) = silences(alertmanager)
    requests.delete(f"{alertmanager}/api/v2/silence/{silence['id']}", timeout=5).raise_for_status()
    ledger.end_run(run, state=RunState.DONE)
    silencer.reconcile()
    moment[0] += PAUSES_SECONDS[0]
    silencer.reconcile()
    next_run = begin(ledger)
    silencer.reconcile()
    (silence,) = silences(alertmanager)
    assert next_run in silence["comment"]


def test_an_alertmanager_that_is_away_is_asked_less_and_less(ledger: Ledger, make_silencer: Any) -> None:
    """Between two attempts there is a pause, and the pauses grow."""
    moment, counted = [0.0], []  # type: ignore[var-annotated]
    silencer = make_silencer(url="http://127.0.0.1:9", clock=lambda: moment[0], counted=counted)
    begin(ledger)
    for number, pause in enumerate(PAUSES_SECONDS, start=1):
        silencer.reconcile()
        assert number == len(counted)
        moment[0] += pause - 0.1
        silencer.reconcile()
        assert number == len(counted)
        moment[0] += 0.1
