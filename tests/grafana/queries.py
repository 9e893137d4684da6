"""
What the committed dashboards ask, in a form that a test can send to Prometheus.

``panel_queries(dashboard)`` gives every query of a dashboard with Grafana's variables filled in as the
dashboard opens: everything chosen.
"""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

FOLDER: Final = Path(__file__).resolve().parents[2] / "grafana" / "dashboards"

Json = dict[str, Any]

INTERVALS: Final = {"__rate_interval": "5m", "__interval": "1m", "__range": "1h"}

MAY_BE_EMPTY: Final = {
    "Could we come back": "the newest drill has one of three verdicts",
    "Firing alerts": "no alert fires in a healthy shop",
    "Firing alerts by name": "no alert fires in a healthy shop",
    "Alerts that were given up": "storekeeper copes alone in a healthy shop",
    "Growth per 100 orders": "no order came in within the shown time",
    "Actions": "no action has succeeded yet",
    "Age of the newest backup": "no backup of one kind was made yet",
    "Backups in figures": "no backup was verified yet",
    "Free inodes": "the file system counts no inodes",
    "Age of the newest verified backup": "no backup was verified yet",
    "Age of the oldest line": "the logs were emptied by a rotation and nothing was logged since",
    "Lines at WARNING or worse": "the shop has logged nothing worse than INFO",
    "Lines in the shown time": "the shop has logged nothing worse than INFO",
}
"""Panels that rightly show nothing in some shops, and why. All others must always show something."""

_STRING: Final = r'"(?:[^"\\]|\\.)*"'
_SELECTOR: Final = re.compile(rf'([a-zA-Z_:][\w:]*)\s*\{{((?:[^"}}]|{_STRING})*)\}}')
_NAME: Final = re.compile(r"(?<![\w:$])(storekeeper[\w:]*|ALERTS\w*|up)(?![\w:])")


def dashboards() -> dict[str, Json]:
    """Give all committed dashboards by file name without its ending."""
    return {file.stem: json.loads(file.read_text(encoding="utf-8")) for file in sorted(FOLDER.glob("*.json"))}


def data_panels(dashboard: Json) -> Iterator[Json]:
    """Give the panels that show data, which are all but the headings of rows."""
    for panel in dashboard["panels"]:
        if panel["type"] != "row":
            yield panel


def panel_queries(dashboard: Json) -> list[tuple[str, str]]:
    """Give (panel title, expression) for every query of the dashboard, ready to run."""
    return [
        (panel["title"], fill_in(target["expr"], dashboard=dashboard))
        for panel in data_panels(dashboard)
        for target in panel["targets"]
    ]


def annotation_queries(dashboard: Json) -> list[tuple[str, str]]:
    """Give (name, expression) for every annotation of the dashboard, ready to run."""
    return [
        (annotation["name"], fill_in(annotation["expr"], dashboard=dashboard))
        for annotation in dashboard["annotations"]["list"]
    ]


def variable_selectors(dashboard: Json) -> list[tuple[str, str, str]]:
    """Give (variable, selector ready to run, label) for every list that is filled from Prometheus."""
    found = []
    for variable in dashboard["templating"]["list"]:
        if variable["type"] == "query":
            match = re.fullmatch(r"label_values\((.+), (\w+)\)", variable["query"])
            assert match is not None, variable["query"]
            found.append((variable["name"], fill_in(match[1], dashboard=dashboard), match[2]))
    return found


def fill_in(expression: str, *, dashboard: Json) -> str:
    """Replace Grafana's variables by their value when all is chosen; ``$1`` of label_replace stays."""
    values = INTERVALS | {
        variable["name"]: variable["allValue"]
        for variable in dashboard["templating"]["list"]
        if variable["type"] == "query"
    }
    filled = re.sub(r"\$([a-zA-Z_]\w*)", lambda match: values[match[1]], expression)
    assert "${" not in filled, filled
    return filled


def selectors(expression: str) -> list[tuple[str, str]]:
    """Give (metric, what stands between the braces) for every selector of an expression."""
    return _SELECTOR.findall(expression)


def metrics_in(expression: str) -> set[str]:
    """Give the names of all metrics in an expression, with or without braces."""
    return set(_NAME.findall(re.sub(_STRING, '""', expression))) | {name for name, _ in selectors(expression)}
