"""storekeeper's own alerts come back through the webhook and start nothing."""

from pathlib import Path
from typing import Any

import pytest

from actions.playbooks import check_playbooks
from actions.receiver.telling.names import OWN_ALERTS
from storekeeper.config import load_config


@pytest.mark.parametrize("name", [*OWN_ALERTS, "StorageActionOfALaterVersion"])
def test_an_own_alert_is_counted_and_opens_no_episode(receiver: Any, alert: Any, name: str) -> None:
    """Firing and resolved: the reason is told, and no page lists it as something that is wrong."""
    labels = {"severity": "critical", "action": "remove_files", "resource": "media"}
    for status in ("firing", "resolved"):
        answer = receiver.send(alert(name, status=status, **labels)).json()
        assert {"runs": [], "decisions": ["own"]} == answer
    assert 2 == receiver.metric('storekeeper_alerts_skipped_total{reason="own"}')
    assert name not in receiver.get("/").text


def test_a_playbook_for_an_own_alert_is_a_problem_of_the_config(
    config_file: Path, sample_actions: Any
) -> None:
    """It would be a run that starts a run."""
    text = config_file.read_text().replace("alert: FailingAlert", "alert: StorageActionFailed")
    config_file.write_text(text)
    (problem,) = check_playbooks(load_config(config_file), actions=sample_actions.ACTIONS)
    assert problem.startswith("playbooks.fails.alert: 'StorageActionFailed': storekeeper's own")
