"""The shipped Prometheus config: it loads as it is, and with every setting that it offers."""

import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[2]
TEMPLATE = ROOT / "deploy" / "prometheus" / "prometheus.yml"
OFFERED = re.compile(r"^( *)#(?=\S)", re.MULTILINE)


def config() -> dict[str, Any]:
    """Give the shipped config, parsed."""
    document: dict[str, Any] = yaml.safe_load(TEMPLATE.read_text("utf-8"))
    return document


@pytest.mark.parametrize("offered", [False, True], ids=["as-shipped", "every-setting"])
def test_prometheus_accepts_the_config(offered: bool, tmp_path: Path) -> None:
    """Also with each setting behind a "#" switched on."""
    text = TEMPLATE.read_text("utf-8")
    path = tmp_path / "prometheus.yml"
    path.write_text(OFFERED.sub(r"\1", text) if offered else text, "utf-8")

    checked = subprocess.run(
        ["promtool", "check", "config", "--syntax-only", path], capture_output=True, text=True, check=False
    )

    assert checked.returncode == 0, checked.stderr


def test_prometheus_finds_the_rules_where_the_config_looks(tmp_path: Path) -> None:
    """With the rule files copied into its folder, promtool loads the config and each of them."""
    rules = tmp_path / "storekeeper"
    rules.mkdir()
    shipped = sorted((ROOT / "alert_rules").glob("*.yml"))
    for path in shipped:
        shutil.copy(path, rules)
    text = TEMPLATE.read_text("utf-8").replace("/etc/prometheus/storekeeper/", f"{rules}/")
    (tmp_path / "prometheus.yml").write_text(text, "utf-8")

    checked = subprocess.run(
        ["promtool", "check", "config", tmp_path / "prometheus.yml"],
        capture_output=True,
        text=True,
        check=False,
    )

    assert checked.returncode == 0, checked.stderr
    assert checked.stdout.count("rules found") == len(shipped)


def test_both_jobs_are_read_from_the_default_ports() -> None:
    """The job names are those that the alert StorekeeperDown looks for."""
    assert {job["job_name"]: job["static_configs"][0]["targets"] for job in config()["scrape_configs"]} == {
        "storekeeper-exporter": ["127.0.0.1:9731"],
        "storekeeper-receiver": ["127.0.0.1:9732"],
    }
