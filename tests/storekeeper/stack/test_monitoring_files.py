"""The shipped Prometheus and Alertmanager configs, fitted to other addresses and paces."""

import copy
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from storekeeper.stack.monitoring_files import alertmanager_configuration, prometheus_configuration

ROOT = Path(__file__).resolve().parents[3]


def template(path: str) -> dict[str, Any]:
    """Give a shipped config, parsed."""
    document: dict[str, Any] = yaml.safe_load((ROOT / "deploy" / path).read_text("utf-8"))
    return document


def checked(document: dict[str, Any], *command: str, path: Path) -> int:
    """Write a document and give the exit code of the program that checks it."""
    path.write_text(yaml.safe_dump(document, sort_keys=False), "utf-8")
    return subprocess.run([*command, path], capture_output=True, check=False).returncode


def fitted_prometheus(document: dict[str, Any], **more: Any) -> dict[str, Any]:
    """Give the config for some ports that are not the usual ones."""
    return prometheus_configuration(
        document,
        exporter="127.0.0.1:19731",
        receiver="127.0.0.1:19732",
        alertmanager="127.0.0.1:19093",
        rule_files=[str(ROOT / "alert_rules" / "*.yml")],
        **{"interval_seconds": 2, **more},
    )


def test_prometheus_gets_the_addresses_the_rules_and_the_pace() -> None:
    """Both jobs keep their names; a short interval shortens the timeout, which may not be longer."""
    assert fitted_prometheus(template("prometheus/prometheus.yml")) == {
        "global": {"scrape_interval": "2s", "scrape_timeout": "2s", "evaluation_interval": "2s"},
        "rule_files": [str(ROOT / "alert_rules" / "*.yml")],
        "alerting": {"alertmanagers": [{"static_configs": [{"targets": ["127.0.0.1:19093"]}]}]},
        "scrape_configs": [
            {
                "job_name": f"storekeeper-{name}",
                "honor_labels": True,
                "static_configs": [{"targets": [f"127.0.0.1:{port}"]}],
            }
            for name, port in (("exporter", 19731), ("receiver", 19732))
        ],
    }


@pytest.mark.parametrize(
    "more", [{}, {"interval_seconds": 60}, {"token": True}], ids=["fast", "slow", "token"]
)
def test_prometheus_accepts_what_is_generated(more: dict[str, Any], tmp_path: Path) -> None:
    """promtool loads the config and the rules it names, at any pace and with a token."""
    if more.pop("token", False):
        (tmp_path / "token").write_text("secret")
        more["receiver_credentials_file"] = str(tmp_path / "token")

    document = fitted_prometheus(template("prometheus/prometheus.yml"), **more)

    assert checked(document, "promtool", "check", "config", path=tmp_path / "prometheus.yml") == 0


def test_alertmanager_gets_the_webhook_and_its_pace_while_people_keep_theirs(tmp_path: Path) -> None:
    """Only the webhook's address, token and route change, and amtool accepts the result."""
    before = template("alertmanager/alertmanager.yml")
    after = alertmanager_configuration(
        before,
        webhook_url="http://127.0.0.1:19732/api/v1/alerts",
        credentials_file="/run/token",
        group_wait_seconds=1,
        group_interval_seconds=5,
        repeat_interval_seconds=30,
    )
    expected = copy.deepcopy(before)
    expected["route"]["routes"][0] |= {"group_wait": "1s", "group_interval": "5s", "repeat_interval": "30s"}
    expected["receivers"][0]["webhook_configs"][0] |= {
        "url": "http://127.0.0.1:19732/api/v1/alerts",
        "http_config": {"authorization": {"credentials_file": "/run/token"}},
    }

    assert after == expected
    assert checked(after, "amtool", "check-config", path=tmp_path / "alertmanager.yml") == 0


def test_the_templates_are_left_as_they_were() -> None:
    """The functions give new documents."""
    prometheus, alertmanager = (
        template("prometheus/prometheus.yml"),
        template("alertmanager/alertmanager.yml"),
    )

    fitted_prometheus(prometheus, receiver_credentials_file="/run/token")
    alertmanager_configuration(
        alertmanager,
        webhook_url="http://x/",
        credentials_file="/x",
        group_wait_seconds=1,
        group_interval_seconds=1,
    )

    assert prometheus == template("prometheus/prometheus.yml")
    assert alertmanager == template("alertmanager/alertmanager.yml")
