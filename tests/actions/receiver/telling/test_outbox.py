"""The outbox: what is to be told is written down with the end itself, and tried a bounded number of times."""

import socket
import time
from collections.abc import Callable
from typing import Any

import pytest

from actions.ledger.file import LedgerFile
from actions.ledger.history import find_run
from actions.ledger.ledger import Ledger
from actions.ledger.rows import NewRun, NewStep
from actions.ledger.schema import RunState, Trigger
from actions.receiver.metrics import ReceiverCollector
from actions.receiver.telling.outbox import MOST_ATTEMPTS, PAUSES_SECONDS
from storekeeper.config import Config
from storekeeper.web.outgoing import SILENT_SECONDS

NOBODY = "http://127.0.0.1:9"


def counted(config: Config) -> dict[tuple[str, str], float]:
    """Give the notifications that were counted, by target and outcome, without the zeros."""
    file = LedgerFile(config.state)
    (family,) = [
        one
        for one in ReceiverCollector(file, shop="madamda", actions=()).collect()
        if one.name == "storekeeper_notifications"
    ]
    file.close()
    return {
        (sample.labels["target"], sample.labels["outcome"]): sample.value
        for sample in family.samples
        if sample.value
    }


def test_only_what_ran_is_to_be_told(history: Any, rows_of_outbox: Callable[[], Any]) -> None:
    """Done, failed and cancelled runs go to both places; dry and refused runs to none."""
    told = [history.run(), history.run(failed="no"), history.run(cancelled=True)]
    history.run(dry_run=True)
    refused = history.ledger.accept(
        NewRun(trigger=Trigger.API, who="anna", steps=[NewStep(action="remove_files")])
    )
    history.ledger.end_run(refused, state=RunState.REFUSED)
    assert (
        sorted((run, place, 0) for run in told for place in ("alertmanager", "grafana")) == rows_of_outbox()
    )


def test_a_run_that_ends_twice_is_told_once(history: Any, rows_of_outbox: Callable[[], Any]) -> None:
    """The second end changes nothing, whoever says it."""
    run = history.run()
    history.ledger.end_run(run, state=RunState.FAILED, error="too late")
    assert [(run, "alertmanager", 0), (run, "grafana", 0)] == rows_of_outbox()


def test_without_anybody_to_tell_the_outbox_is_emptied(
    config: Config, history: Any, make_teller: Any, rows_of_outbox: Callable[[], Any]
) -> None:
    """A shop that configures nothing collects nothing, and nothing is counted."""
    history.run()
    make_teller(config).send_due()
    assert [] == rows_of_outbox()
    assert {} == counted(config)


def test_who_does_not_answer_is_asked_again_later_and_not_for_ever(
    telling_config: Any, clock: Any, make_teller: Any, rows_of_outbox: Callable[[], Any]
) -> None:
    """Each attempt waits longer than the one before; after the last one the outcome is given up."""
    config = telling_config(alertmanager=NOBODY)
    file = LedgerFile(config.state)
    ledger = Ledger(file, now=clock)
    run = ledger.begin_by_hand(
        NewRun(trigger=Trigger.API, who="anna", steps=[NewStep(action="remove_files")])
    )
    ledger.begin_step(run, 0)
    ledger.end_run(run, state=RunState.FAILED, error="no")
    teller = make_teller(config, now=clock)
    for attempt, pause in enumerate(PAUSES_SECONDS, start=1):
        teller.send_due()
        assert [(run, "alertmanager", attempt)] == rows_of_outbox()
        clock.advance(seconds=pause - 1)
        teller.send_due()
        assert [(run, "alertmanager", attempt)] == rows_of_outbox()
        clock.advance(seconds=1)
    teller.send_due()
    assert [] == rows_of_outbox()
    expected = {("alertmanager", "retried"): MOST_ATTEMPTS - 1, ("alertmanager", "given_up"): 1}
    assert expected == counted(config)
    file.close()


def test_a_refusal_for_good_is_not_repeated(
    telling_config: Any, annotations: Any, history: Any, make_teller: Any, rows_of_outbox: Callable[[], Any]
) -> None:
    """A wrong token is one error in the log, not a request each minute."""
    config = telling_config(grafana=annotations.url)
    annotations.answers = 401
    history.run()
    make_teller(config).send_due()
    assert [] == rows_of_outbox()
    assert {("grafana", "given_up"): 1} == counted(config)


def test_one_place_that_is_down_keeps_nothing_from_the_other(
    telling_config: Any, annotations: Any, history: Any, make_teller: Any, rows_of_outbox: Callable[[], Any]
) -> None:
    """Alertmanager is away: all three outcomes stand in Grafana after one round."""
    config = telling_config(alertmanager=NOBODY, grafana=annotations.url)
    runs = [history.run() for _ in range(3)]
    make_teller(config).send_due()
    assert 3 == len(annotations.kept)
    assert [(run, "alertmanager") for run in sorted(runs)] == [row[:2] for row in rows_of_outbox()]
    assert 1 == sum(attempts for _, _, attempts in rows_of_outbox())


def test_a_ledger_of_the_first_version_is_brought_up_to_date(config: Config, history: Any) -> None:
    """Its runs stay, and new ends are told."""
    run = history.run()
    with history.ledger.file.write() as connection:
        connection.execute("DROP TABLE decisions")
        connection.execute("DROP TABLE outbox")
        connection.execute("DROP INDEX one_foreign_alert")
        connection.execute("ALTER TABLE episodes DROP COLUMN level")
        connection.execute("PRAGMA user_version = 1")
    history.ledger.file.close()
    assert RunState.DONE == history.ledger.run(run).state
    waiting = history.ledger.accept(
        NewRun(trigger=Trigger.API, who="anna", steps=[NewStep(action="remove_files", needs_approval=True)])
    )
    history.ledger.wait_for_approval(waiting, 0)
    assert history.ledger.approve(waiting, who="bea")
    found = find_run(history.ledger.file, waiting)
    assert found
    assert [("started", "anna, api"), ("approved", "bea")] == [
        (one["what"], one["who"]) for one in found["decisions"]
    ]


def test_telling_never_holds_up_the_work(
    telling_config: Any, request: pytest.FixtureRequest, alert: Any
) -> None:
    """Alertmanager takes connections and never answers: a run ends as fast as ever, the receiver too."""
    with socket.create_server(("127.0.0.1", 0)) as mute:
        url = f"http://127.0.0.1:{mute.getsockname()[1]}"
        telling_config(alertmanager=url, notify="silence: true")
        receiver = request.getfixturevalue("receiver")
        start = time.monotonic()
        (run,) = receiver.send(alert("StorageUsageWarning", resource="media")).json()["runs"]
        assert "done" == receiver.wait_for(run, "done", "failed")["state"]
        assert time.monotonic() - start < SILENT_SECONDS, "the work has waited for the request"
