"""Taking messages in: what is written down and what is started."""

import json
from collections.abc import Callable
from typing import Any

from actions.ledger.history import list_runs, open_episodes
from actions.ledger.ledger import Ledger
from actions.ledger.schema import RunState
from actions.playbooks import playbooks_of
from actions.receiver.episodes import Verdict
from actions.receiver.expiry import expire_episodes
from actions.receiver.intake import Intake
from actions.receiver.payload import parse_message
from storekeeper.config import Config

Make = Callable[..., dict[str, Any]]


class Sender:
    """Sends messages into an intake and gives the verdicts."""

    def __init__(self, intake: Intake, message: Make) -> None:
        self.intake = intake
        self.message = message

    def __call__(self, *alerts: dict[str, Any]) -> list[Verdict]:
        return list(self.intake.take(parse_message(json.dumps(self.message(*alerts)).encode())).verdicts)


def make_sender(config: Config, ledger: Ledger, clock: Any, message: Make) -> Sender:
    return Sender(Intake(ledger.file, config=config, playbooks=playbooks_of(config), now=clock), message)


def end_all_runs(ledger: Ledger) -> None:
    for run in ledger.runs_in(RunState.ACCEPTED):
        ledger.end_run(run.id, state=RunState.DONE)


def test_same_message_five_times_starts_one_run(
    config: Config, ledger: Ledger, clock: Any, message: Make, alert: Make
) -> None:
    """Alertmanager delivers at least once; one episode starts one run."""
    send = make_sender(config, ledger, clock, message)
    verdicts = [send(alert("StorageUsageWarning", resource="media")) for _ in range(5)]
    assert [[Verdict.RUN], *[[Verdict.RUNNING]] * 4] == verdicts
    assert 1 == len(list_runs(ledger.file))


def test_again_only_after_the_cooldown_and_then_exhausted(
    config: Config, ledger: Ledger, clock: Any, message: Make, alert: Make
) -> None:
    """While it fires: a run, after each cooldown another, three in a day, then a person is needed."""
    send = make_sender(config, ledger, clock, message)
    firing = alert("StorageUsageWarning", resource="media")
    verdicts = []
    for _ in range(9):
        verdicts += send(firing)
        end_all_runs(ledger)
        clock.advance(minutes=31)
    run, cooldown, exhausted = Verdict.RUN, Verdict.COOLDOWN, Verdict.EXHAUSTED
    assert [run, cooldown, run, cooldown, run, cooldown, exhausted, exhausted, exhausted] == verdicts
    assert [True] == [episode["exhausted"] for episode in open_episodes(ledger.file)]
    clock.advance(hours=24)
    assert [run] == send(firing)
    assert [False] == [episode["exhausted"] for episode in open_episodes(ledger.file)]


def test_resolved_closes_and_never_starts(
    config: Config, ledger: Ledger, clock: Any, message: Make, alert: Make
) -> None:
    """A resolved alert ends its episode; the next is a new one, with the same cooldown and day's budget."""
    send = make_sender(config, ledger, clock, message)
    firing = alert("StorageUsageWarning", resource="media", fingerprint="aa")
    resolved = {**firing, "status": "resolved"}
    assert [Verdict.NOT_OPEN] == send(resolved)
    assert [] == list_runs(ledger.file)
    verdicts = []
    for _ in range(8):
        verdicts += send(firing)
        end_all_runs(ledger)
        verdicts += send(resolved)
        clock.advance(minutes=31)
    run, cooldown, close = Verdict.RUN, Verdict.COOLDOWN, Verdict.CLOSE
    in_turn = [one for verdict in (run, cooldown) * 3 for one in (verdict, close)]
    assert [*in_turn, Verdict.EXHAUSTED, close, Verdict.EXHAUSTED, close] == verdicts
    assert [] == open_episodes(ledger.file)


def test_decides_about_each_alert_of_a_group(
    config: Config, ledger: Ledger, clock: Any, message: Make, alert: Make
) -> None:
    """A group that says firing may hold resolved, unknown and foreign alerts; each gets its own verdict."""
    send = make_sender(config, ledger, clock, message)
    verdicts = send(
        alert("StorageUsageWarning", resource="media", status="resolved"),
        alert("StorageUsageWarning", resource="../../etc"),
        alert("SomethingElse"),
        alert("StorageUsageEmergency", resource="media"),
        alert("SlowAlert", resource="disk", mountpoint="/somewhere/else"),
    )
    assert [
        Verdict.NOT_OPEN,
        Verdict.NO_PLAYBOOK,
        Verdict.NO_PLAYBOOK,
        Verdict.RUN,
        Verdict.UNKNOWN_RESOURCE,
    ] == verdicts


def test_payload_supplies_no_option(
    config: Config, ledger: Ledger, clock: Any, message: Make, alert: Make
) -> None:
    """Labels that look like options, paths or actions change nothing of what is run."""
    send = make_sender(config, ledger, clock, message)
    send(
        alert(
            "StorageUsageWarning",
            resource="media",
            action="fail_always",
            names="*",
            force="true",
            path="/etc",
            until_below="0.1",
        )
    )
    (run,) = list_runs(ledger.file)
    assert [("remove_files", {"names": "old*"})] == [
        (step["action"], step["options"]) for step in run["steps"]
    ]


def test_two_alerts_about_one_resource_share_a_run(
    config: Config, ledger: Ledger, clock: Any, message: Make, alert: Make
) -> None:
    """A second fingerprint of the same playbook and resource joins the open run."""
    send = make_sender(config, ledger, clock, message)
    first = alert("StorageUsageWarning", resource="media", instance="a")
    second = alert("StorageUsageWarning", resource="media", instance="b")
    assert [Verdict.RUN, Verdict.RUNNING] == send(first, second)


def test_episode_without_news_expires(
    config: Config, ledger: Ledger, clock: Any, message: Make, alert: Make
) -> None:
    """A silence hides an alert's end for good, so an episode ends after a time without news."""
    send = make_sender(config, ledger, clock, message)
    send(alert("StorageUsageWarning", resource="media"))
    heard = clock().timestamp()
    clock.advance(hours=25)
    assert 0 == expire_episodes(ledger, before=heard)
    assert 1 == expire_episodes(ledger, before=heard + 1)
    assert [] == open_episodes(ledger.file)
