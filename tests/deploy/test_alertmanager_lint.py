"""amlint over every Alertmanager config that is shipped or made: what routes and inhibitions mean."""

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from storekeeper.stack.monitoring_files import alertmanager_configuration

ROOT = Path(__file__).resolve().parents[2]
TEMPLATE = ROOT / "deploy" / "alertmanager" / "alertmanager.yml"
# An explanation has one space behind its "#", a setting none, or two and more for its depth.
OFFERED = re.compile(r"^( *)#(?=\S|  )", re.MULTILINE)
# People choose their channels themselves; without one a receiver is silent, as deploy/README.md says.
SILENT = {
    ("empty-receiver", f"receivers[people-{name}]") for name in ("info", "warning", "critical", "emergency")
}


def findings(config: Path) -> set[tuple[str, str]]:
    """Return amlint's findings for a config and the shipped rules, as (code, place), without hints."""
    program = Path(sys.executable).with_name("amlint")
    done = subprocess.run(
        [program, "check", "--format=json", f"--rules={ROOT / 'alert_rules' / '*.yml'}", config],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stdout, done.stderr
    found: list[dict[str, Any]] = json.loads(done.stdout)
    return {(one["code"], one["where"]) for one in found if one["level"] != "info"}


def written(folder: Path, text: str) -> Path:
    """Write a config and return its path."""
    path = folder / "alertmanager.yml"
    path.write_text(text, "utf-8")
    return path


def generated() -> str:
    """Return the config that ``storekeeper up`` gives its Alertmanager."""
    config = alertmanager_configuration(
        yaml.safe_load(TEMPLATE.read_text("utf-8")),
        webhook_url="http://127.0.0.1:19732/api/v1/alerts",
        credentials_file="/run/token",
        group_wait_seconds=1,
        group_interval_seconds=5,
    )
    return yaml.safe_dump(config, sort_keys=False)


@pytest.mark.parametrize(
    ("text", "known"),
    [
        (TEMPLATE.read_text("utf-8"), SILENT),
        (OFFERED.sub(r"\1", TEMPLATE.read_text("utf-8")), set()),
        (generated(), SILENT),
    ],
    ids=["as-shipped", "every-setting", "generated"],
)
def test_no_route_is_unreachable_and_no_inhibition_reaches_too_far(
    text: str, known: set[tuple[str, str]], tmp_path: Path
) -> None:
    """Nothing is found but the channels that people choose."""
    assert findings(written(tmp_path, text)) - known == set()


@pytest.mark.parametrize(
    ("before", "after", "code"),
    [
        ("    equal: [shop, instance, host, resource, database, area, mountpoint]\n", "", "inhibit-no-equal"),
        ("      continue: true\n", "", "unreachable-route"),
    ],
)
def test_a_mistake_would_be_found(before: str, after: str, code: str, tmp_path: Path) -> None:
    """An inhibition without ``equal``, and a route that ends before the others, are noticed."""
    text = TEMPLATE.read_text("utf-8")
    assert before in text

    found = findings(written(tmp_path, text.replace(before, after)))

    assert code in {found_code for found_code, _ in found}
