"""Tell what changed between two looks at the loop, each thing once and in words."""

from collections.abc import Iterator, Mapping
from typing import Any

from storekeeper.stack.observe import Observation
from storekeeper.units import format_size


def events_between(before: Observation, after: Observation) -> Iterator[str]:
    """Give a line for each alert that appeared, changed or resolved and each run that did so."""
    old_alerts = {(alert.name, alert.resource): alert.state for alert in before.alerts}
    new_alerts = {(alert.name, alert.resource): alert.state for alert in after.alerts}
    for key, state in new_alerts.items():
        if old_alerts.get(key) != state:
            yield f"alert   {_alert(key)} is {state}"
    for key in old_alerts.keys() - new_alerts.keys():
        yield f"alert   {_alert(key)} is resolved"
    old_runs = {run["id"]: run["state"] for run in before.runs}
    for run in reversed(after.runs):
        if old_runs.get(run["id"]) != run["state"]:
            yield f"run     {_run(run)}"


def _alert(key: tuple[str, str]) -> str:
    name, resource = key
    return f"{name} ({resource})" if resource else name


def _run(run: Mapping[str, Any]) -> str:
    actions = ", ".join(str(step["action"]) for step in run["steps"]) or "nothing"
    freed = f", {format_size(run['freed_bytes'])} freed" if run["freed_bytes"] else ""
    return f"{actions} ({run['reason']}): {run['state']}{freed}"
