"""Which playbook answers an alert: the shipped ones, overridden by name in the config."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from types import MappingProxyType
from typing import Any

import yaml
from pydantic import TypeAdapter, ValidationError

from actions.action import Action, RefusesUnattended
from actions.receiver.payload import Alert
from actions.receiver.telling.names import is_own
from actions.schedules import check_schedule
from actions.table import ACTIONS
from storekeeper.config import Config, Playbook
from storekeeper.measure.resources import Resource

SHIPPED = Path(__file__).with_name("playbooks.yml")

# Resources that every shop has, whatever its config.
_ALWAYS = ("database", "disk", "storage", "backups", "media", "static", "logs")


@dataclass(frozen=True, kw_only=True)
class NamedPlaybook:
    """A playbook under its name."""

    name: str
    playbook: Playbook


def playbooks_of(config: Config) -> Mapping[str, Playbook]:
    """Give the playbooks in force: shipped ones first, those of the config instead of or after them."""
    merged: dict[str, Playbook | None] = {**shipped_playbooks(), **config.playbooks}
    return MappingProxyType({name: playbook for name, playbook in merged.items() if playbook is not None})


@cache
def shipped_playbooks() -> Mapping[str, Playbook]:
    """Give the playbooks of ``playbooks.yml``."""
    document = yaml.safe_load(SHIPPED.read_text("utf-8"))
    return MappingProxyType(TypeAdapter(dict[str, Playbook]).validate_python(document))


def choose_playbook(
    alert: Alert, *, resource: Resource, playbooks: Mapping[str, Playbook]
) -> NamedPlaybook | None:
    """
    Return the playbook for an alert: of those that match, the one that says most about it, then the first.

    A resource says more than a level, a level more than a severity.
    """
    matching = [
        NamedPlaybook(name=name, playbook=one)
        for name, one in playbooks.items()
        if _fits(one, alert, resource)
    ]
    return max(matching, key=lambda one: _says(one.playbook)) if matching else None


def _fits(playbook: Playbook, alert: Alert, resource: Resource) -> bool:
    return (
        playbook.alert == alert.name
        and playbook.severity in (None, alert.severity)
        and playbook.level in (None, alert.level)
        and (not playbook.resource or resource.kind in playbook.resource)
    )


def _says(playbook: Playbook) -> tuple[bool, bool, bool]:
    return bool(playbook.resource), playbook.level is not None, playbook.severity is not None


def check_playbooks(config: Config, *, actions: Mapping[str, Action[Any, Any]] = ACTIONS) -> tuple[str, ...]:
    """Give every problem of the playbooks in force and of the schedule, each a line for a person."""
    problems = []
    resources = {*_ALWAYS, *config.areas}
    for name, playbook in playbooks_of(config).items():
        key = f"playbooks.{name}"
        if is_own(playbook.alert):
            problems.append(f"{key}.alert: {playbook.alert!r}: storekeeper's own; a run may not start a run")
        problems += [
            f"{key}.resource: {resource!r}: no such resource; known: {', '.join(sorted(resources))}"
            for resource in playbook.resource
            if resource not in resources
        ]
        for position, step in enumerate(playbook.steps):
            problems += _step_problems(
                f"{key}.steps.{position}", step.action, step.options, config=config, actions=actions
            )
    return (*problems, *check_schedule(config, actions=actions))


def _step_problems(
    key: str,
    action_name: str,
    options: Mapping[str, Any],
    *,
    config: Config,
    actions: Mapping[str, Action[Any, Any]],
) -> list[str]:
    action = actions.get(action_name)
    if action is None:
        return [f"{key}.action: {action_name!r}: no such action; known: {', '.join(sorted(actions))}"]
    problems = []
    if options.get("force"):
        problems.append(f"{key}.options.force: force is for a person; a playbook cannot use it")
    try:
        checked = action.Options.model_validate(dict(options), context={"project": str(config.project)})
        if reason := action.refused_unattended(checked) if isinstance(action, RefusesUnattended) else "":
            problems.append(f"{key}.options: {reason}")
    except ValidationError as error:
        problems += [
            f"{key}.options.{'.'.join(str(part) for part in found['loc'])}: {found['msg']}"
            for found in error.errors(include_url=False)
        ]
    return problems
