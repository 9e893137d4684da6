"""Adapt Prometheus rule files: where their runbooks are, and how long an alert must hold."""

import re
from typing import Any

import yaml

# Every alert's runbook_url is this and ``<AlertName>.md``; a test holds the rule files to it.
RUNBOOKS_URL = "https://github.com/storekeeper/storekeeper/blob/main/alert_rules/runbooks/"

_MILLISECONDS = {"ms": 1, "s": 1000, "m": 60_000, "h": 3_600_000, "d": 86_400_000, "w": 604_800_000}
_MILLISECONDS["y"] = 365 * _MILLISECONDS["d"]
_PART = re.compile(r"(\d+)(ms|[smhdwy])")


def shorten(rule_file_text: str, *, hold_seconds: int) -> str:
    """
    Give the rule file with every ``for`` and ``keep_firing_for`` at most ``hold_seconds`` long.

    For demonstrations and tests, which cannot wait as production does. Thresholds stay; comments go.
    """
    document: dict[str, Any] = yaml.safe_load(rule_file_text)
    for group in document["groups"]:
        for rule in group["rules"]:
            for key in ("for", "keep_firing_for"):
                if key in rule and duration_seconds(rule[key]) > hold_seconds:
                    rule[key] = f"{hold_seconds}s"
    return yaml.safe_dump(document, sort_keys=False, allow_unicode=True)


def duration_seconds(text: str | int) -> float:
    """
    Give the seconds of a Prometheus duration such as ``5m``, ``1h30m`` or ``0``.

    Raises ValueError for anything else.
    """
    if str(text) == "0":
        return 0.0
    parts = _PART.findall(str(text))
    if not parts or "".join(number + unit for number, unit in parts) != str(text):
        raise ValueError(f"{text!r} is not a Prometheus duration: write 30s, 5m or 1h30m")
    return sum(int(number) * _MILLISECONDS[unit] for number, unit in parts) / 1000
