"""Whose an alert is: what other shops, other machines and other exporters send starts nothing here."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from actions.ledger.file import LedgerFile
from actions.ledger.history import list_runs, open_episodes
from actions.ledger.ledger import Ledger
from actions.playbooks import playbooks_of
from actions.receiver.episodes import Verdict
from actions.receiver.intake import Intake
from actions.receiver.ownership import has_neighbour, is_ours
from actions.receiver.payload import Alert, Message, Status
from storekeeper.config import Config

OURS = "sample"


def ours(config: Config, *, alone: bool = True, **labels: str) -> bool:
    return is_ours(labels, config=config, is_only_shop=lambda: alone)


def test_shop_decides_whatever_instance_says(config: Config) -> None:
    """Two shops behind one instance label are told apart by ``shop``."""
    assert ours(config, shop=OURS, instance="shop-b")
    assert not ours(config, shop="shop-b", instance=OURS)
    assert not ours(config, shop="shop-b", instance=OURS, resource="disk", host=config.host)


def test_disk_without_a_shop_is_its_hosts(config: Config) -> None:
    """A machine with several shops exposes its disks once; only an alert about a disk is told by its host."""
    assert ours(config, resource="disk", host=config.host, alone=False)
    assert ours(config, shop="", resource="disk", host=config.host, alone=False)
    assert not ours(config, resource="disk", host="another", instance=OURS)
    assert not ours(config, resource="media", host=config.host, alone=False)


@pytest.mark.parametrize(
    ("labels", "alone", "expected"),
    [
        ({"instance": OURS}, True, True),
        ({"instance": OURS}, False, False),
        ({"instance": "nas.local:9100"}, True, False),
        ({"instance": f"{OURS}:9731"}, True, False),
        ({}, True, False),
        ({"instance": OURS, "shop": ""}, True, True),
    ],
)
def test_old_rule_file_counts_only_for_the_only_shop(
    config: Config, labels: dict[str, str], alone: bool, expected: bool
) -> None:
    """Without the label, the instance must be the shop's name and nothing may speak of a second shop."""
    assert expected == ours(config, alone=alone, **labels)


def test_neighbour_is_a_ledger_beside_ours(config: Config, tmp_path: Path) -> None:
    """The shops of one machine keep their state folders side by side."""
    assert not has_neighbour(config)
    LedgerFile(config.state).close()
    with LedgerFile(config.state).write():
        pass
    assert not has_neighbour(config)
    with LedgerFile(tmp_path / "state-of-b").write():
        pass
    assert has_neighbour(config)


@pytest.fixture
def take(config: Config, ledger: Ledger, clock: Any) -> Callable[..., list[Verdict]]:
    """``take(labels, …)``: send one message with these firing alerts and give the verdicts."""
    intake = Intake(ledger.file, config=config, playbooks=playbooks_of(config), now=clock)

    def send(*alerts: dict[str, str], status: Status = Status.FIRING) -> list[Verdict]:
        made = [
            Alert(status=status, fingerprint=f"f{number}", labels={"alertname": "FailingAlert", **labels})
            for number, labels in enumerate(alerts)
        ]
        return list(intake.take(Message(alerts=tuple(made))).verdicts)

    return send


def test_foreign_alert_is_counted_and_nothing_more(take: Any, ledger: Ledger) -> None:
    """It opens no episode, starts no run, and is kept once however often it is sent."""
    foreign = ({"shop": "shop-b"}, {"instance": "nas.local:9100"})
    for _ in range(3):
        assert [Verdict.FOREIGN] * 2 == take(*foreign)
    assert [Verdict.FOREIGN] * 2 == take(*foreign, status=Status.RESOLVED)
    assert ([], []) == (list_runs(ledger.file), open_episodes(ledger.file))
    with ledger.file.read() as connection:
        rows = connection.execute("SELECT count(*) FROM alerts").fetchone()[0]
        skipped = connection.execute(
            "SELECT value FROM counters WHERE name = 'alerts_skipped' AND label = 'foreign'"
        ).fetchone()[0]
    assert (2, 8) == (rows, skipped)


def test_old_rule_file_is_obeyed_until_another_shop_is_heard_of(take: Any) -> None:
    """An alert that names another shop, even in the same message, ends the trust in the instance alone."""
    old = {"instance": OURS}
    assert [Verdict.RUN] == take(old)
    assert [Verdict.FOREIGN, Verdict.FOREIGN] == take(old, {"shop": "shop-b"})
    assert [Verdict.FOREIGN] == take(old)
    assert [Verdict.RUNNING] == take({"shop": OURS})


def test_own_alert_of_another_shop_is_foreign(take: Any) -> None:
    """What another receiver tells of its runs is none of ours."""
    done = {"alertname": "StorageActionDone"}
    assert [Verdict.FOREIGN, Verdict.OWN] == take({**done, "shop": "shop-b"}, {**done, "shop": OURS})


def test_replica_label_starts_nothing_twice(take: Any, ledger: Ledger) -> None:
    """Both fingerprints of one alert share the run, the cooldown and the day's budget."""
    both = ({"shop": OURS, "replica": "a"}, {"shop": OURS, "replica": "b"})
    assert [Verdict.RUN, Verdict.RUNNING] == take(*both)
    assert 1 == len(list_runs(ledger.file))
