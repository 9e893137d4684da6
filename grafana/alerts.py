"""The alerts of alert_rules/ and their runbooks, read from the rules themselves so that both always agree."""

from pathlib import Path
from typing import Final

import yaml

RULES: Final = Path(__file__).resolve().parent.parent / "alert_rules"


def _runbooks() -> dict[str, str]:
    groups = [
        group
        for file in sorted(RULES.glob("*.yml"))
        for group in yaml.safe_load(file.read_text(encoding="utf-8"))["groups"]
    ]
    return {
        rule["alert"]: rule["annotations"]["runbook_url"]
        for group in groups
        for rule in group["rules"]
        if "alert" in rule
    }


RUNBOOKS: Final = _runbooks()
"""Alert name -> address of its runbook."""

RUNBOOK_FOLDER: Final = next(iter(RUNBOOKS.values())).rpartition("/")[0]

FIRES: Final = 'alertstate="firing"'

# An alert about a missing target has no shop and no instance: it is shown whatever is chosen.
OURS: Final = f'alertname=~"{"|".join(sorted(RUNBOOKS))}", shop=~"$shop|", instance=~"$instance|"'


def firing(*matchers: str) -> str:
    """Give the selector of our alerts that fire now, narrowed by ``matchers``."""
    return f"ALERTS{{{', '.join((FIRES, *matchers, OURS))}}}"


FIRING_SINCE: Final = (
    "min by (alertname, severity, level, resource, shop, instance) "
    f"(ALERTS_FOR_STATE{{{OURS}}} * 1000 and ignoring (alertstate) {firing()})"
)
"""When each firing alert became true, in milliseconds since 1970."""
