"""Routes as most clusters have them: critical to a pager, warning to a chat, all else to no one."""

from pathlib import Path
from typing import Any

import yaml

TEMPLATE = Path(__file__).resolve().parents[2] / "deploy" / "alertmanager" / "alertmanager.yml"


def usual_routes(*, pager: str) -> dict[str, Any]:
    """Return a config with the usual routes and storekeeper's inhibitions; ``pager`` is a webhook."""
    shipped = yaml.safe_load(TEMPLATE.read_text("utf-8"))
    hook = {"url": pager, "send_resolved": True}
    return {
        "route": {
            "receiver": "null",
            "group_by": ["namespace"],
            "group_wait": "1s",
            "group_interval": "1s",
            "repeat_interval": "12h",
            "routes": [
                {"receiver": "null", "matchers": ['alertname="Watchdog"']},
                {"receiver": "pager", "matchers": ['severity="critical"']},
                {"receiver": "chat", "matchers": ['severity="warning"']},
            ],
        },
        "inhibit_rules": [
            *shipped["inhibit_rules"],
            {
                "source_matchers": ['severity="critical"'],
                "target_matchers": ['severity=~"warning|info"'],
                "equal": ["namespace", "alertname"],
            },
        ],
        "receivers": [
            {"name": "null"},
            {"name": "pager", "webhook_configs": [hook]},
            {"name": "chat", "webhook_configs": [hook]},
        ],
    }
