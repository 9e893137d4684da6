"""Choosing and checking playbooks."""

from pathlib import Path
from types import ModuleType

import pytest

from actions.playbooks import check_playbooks, choose_playbook, shipped_playbooks
from actions.receiver.payload import Alert, Status
from actions.table import ACTIONS
from storekeeper.config import Config, Playbook, Step, parse_config
from storekeeper.measure.resources import resource_of

STEPS = (Step(action="remove_files"),)


@pytest.mark.parametrize(
    ("labels", "expected"),
    [
        ({"alertname": "Full", "resource": "media"}, "media"),
        ({"alertname": "Full", "resource": "media", "severity": "critical"}, "media_critical"),
        ({"alertname": "Full", "resource": "logs", "severity": "critical"}, "critical"),
        ({"alertname": "Full", "resource": "logs"}, "any"),
        ({"alertname": "Full"}, "any"),
        ({"alertname": "Full", "severity": "critical", "level": "emergency"}, "emergency"),
        ({"alertname": "Full", "severity": "emergency"}, "emergency"),
        ({"alertname": "Full", "severity": "critical", "level": "critical"}, "critical"),
        ({"alertname": "full"}, None),
        ({"alertname": "Old", "kind": "media"}, None),
        ({"alertname": "Old", "kind": "database"}, "old"),
    ],
)
def test_most_specific_playbook_answers(config: Config, labels: dict[str, str], expected: str | None) -> None:
    """A resource says more than a level or severity, both more than one; names are compared exactly."""
    playbooks = {
        "any": Playbook(alert="Full", steps=STEPS),
        "critical": Playbook(alert="Full", severity="critical", steps=STEPS),
        "media": Playbook(alert="Full", resource=("media",), steps=STEPS),
        "media_critical": Playbook(alert="Full", severity="critical", resource=("media",), steps=STEPS),
        # As a config from before the label has it: an emergency is a level.
        "emergency": Playbook(alert="Full", severity="emergency", steps=STEPS),
        "old": Playbook(alert="Old", resource=("database",), steps=STEPS),
    }
    alert = Alert(status=Status.FIRING, fingerprint="a", labels=labels)
    chosen = choose_playbook(alert, resource=resource_of(labels, config=config), playbooks=playbooks)
    assert expected == (chosen and chosen.name)


def test_shipped_playbooks_name_only_what_exists(tmp_path: Path) -> None:
    """Every shipped step is an action with valid options, and none uses force."""
    config = parse_config(f"shop: s\nproject: {tmp_path}\nstate: {tmp_path}/state", name="c", folder=tmp_path)
    assert () == check_playbooks(config)
    used = {step.action for playbook in shipped_playbooks().values() for step in playbook.steps}
    assert set() == used - set(ACTIONS)


def test_every_problem_is_told_at_once(config_file: Path, sample_actions: ModuleType) -> None:
    """Unknown actions, resources and options, force, and schedules that are none: each has its line."""
    text = config_file.read_text() + (
        "  one:\n    alert: A\n    resource: [mediaa]\n    steps:\n"
        "      - {action: no_such}\n"
        "      - {action: remove_files, options: {force: true}}\n"
        "      - {action: remove_files, options: {days: 1}}\n"
        "schedule: {no_such: '0 3 * * *', remove_files: 'every day'}\n"
    )
    config = parse_config(text, name="c", folder=config_file.parent)
    problems = check_playbooks(config, actions=sample_actions.ACTIONS)
    beginnings = [
        "playbooks.one.resource: 'mediaa': no such resource",
        "playbooks.one.steps.0.action: 'no_such': no such action",
        "playbooks.one.steps.1.options.force: force is for a person",
        "playbooks.one.steps.2.options.days: Extra inputs are not permitted",
        "schedule.no_such: no such action",
        "schedule.remove_files: 'every day': write minute hour",
    ]
    assert beginnings == [
        beginning for beginning in beginnings for problem in problems if problem.startswith(beginning)
    ]
    assert len(beginnings) == len(problems)


def test_config_of_the_tests_is_in_order(config: Config, sample_actions: ModuleType) -> None:
    """A config without problems gives none."""
    assert () == check_playbooks(config, actions=sample_actions.ACTIONS)
