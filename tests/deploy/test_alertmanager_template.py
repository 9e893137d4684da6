"""The shipped Alertmanager config: it loads, routes by severity, and the real program inhibits with it."""

import http.server
import json
import re
import subprocess
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest
import requests
import yaml

from storekeeper.config.services import Notify
from storekeeper.stack.monitoring_files import alertmanager_configuration
from storekeeper.units import parse_age
from tests.deploy.running_alertmanager import eventually, post, running_alertmanager, usage

ROOT = Path(__file__).resolve().parents[2]
TEMPLATE = ROOT / "deploy" / "alertmanager" / "alertmanager.yml"
# An explanation has one space behind its "#", a setting none, or two and more for its depth.
OFFERED = re.compile(r"^( *)#(?=\S|  )", re.MULTILINE)


@dataclass(kw_only=True)
class Inbox:
    """What arrived at the webhook: alerts as (alertname, status, resource), and the headers."""

    url: str
    alerts: set[tuple[str, str, str]] = field(default_factory=set)
    sizes: set[int] = field(default_factory=set)
    authorizations: set[str] = field(default_factory=set)


@pytest.fixture
def inbox() -> Iterator[Inbox]:
    """Listen as the receiver does, on a port of its own."""

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            message = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            found.authorizations.add(self.headers["Authorization"])
            found.sizes.add(len(message["alerts"]))
            found.alerts |= {
                (alert["labels"]["alertname"], alert["status"], alert["labels"].get("resource", ""))
                for alert in message["alerts"]
            }
            self.send_response(202)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    found = Inbox(url=f"http://127.0.0.1:{server.server_port}/api/v1/alerts")
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield found
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def alertmanager(inbox: Inbox, tmp_path: Path) -> Iterator[str]:
    """Run the real Alertmanager with the shipped config, its webhook led to the inbox; give its address."""
    (tmp_path / "token").write_text("secret-token")
    config = alertmanager_configuration(
        yaml.safe_load(TEMPLATE.read_text("utf-8")),
        webhook_url=inbox.url,
        credentials_file=str(tmp_path / "token"),
        group_wait_seconds=1,
        group_interval_seconds=1,
    )
    with running_alertmanager(config, folder=tmp_path) as address:
        yield address


def inhibited(alertmanager: str) -> dict[str, bool]:
    """Tell for each alert, named by its label ``about``, whether another one inhibits it."""
    alerts = requests.get(f"{alertmanager}/api/v2/alerts", timeout=5).json()
    return {alert["labels"]["about"]: bool(alert["status"]["inhibitedBy"]) for alert in alerts}


@pytest.mark.parametrize("offered", [False, True], ids=["as-shipped", "every-setting"])
def test_alertmanager_accepts_the_config(offered: bool, tmp_path: Path) -> None:
    """Also with mail, Slack and Telegram, the settings behind a "#", switched on."""
    text = TEMPLATE.read_text("utf-8")
    path = tmp_path / "alertmanager.yml"
    path.write_text(OFFERED.sub(r"\1", text) if offered else text, "utf-8")
    channels = {
        channel
        for receiver in yaml.safe_load(path.read_text("utf-8"))["receivers"]
        for channel in receiver
        if channel != "name"
    }

    checked = subprocess.run(["amtool", "check-config", path], capture_output=True, text=True, check=False)

    assert checked.returncode == 0, checked.stderr
    assert channels == {"webhook_configs"} | (
        {"email_configs", "slack_configs", "telegram_configs"} if offered else set()
    )


@pytest.mark.parametrize(
    ("labels", "receivers"),
    [
        (["severity=warning"], "storekeeper,people-warning"),
        (["severity=critical"], "storekeeper,people-critical"),
        (["severity=critical", "level=critical"], "storekeeper,people-critical"),
        (["severity=critical", "level=emergency"], "storekeeper,people-emergency"),
        (["severity=info"], "storekeeper,people-info"),
        (["alertname=StorageActionDone", "severity=info", "shop=a"], "storekeeper,people-info"),
        (["alertname=StorageActionFailed", "severity=warning", "shop=a"], "storekeeper,people-warning"),
        (["alertname=StorageActionFailed", "severity=critical", "shop=a"], "storekeeper,people-critical"),
        (["alertname=Unlabelled"], "storekeeper,people-warning"),
    ],
    ids=lambda value: value if isinstance(value, str) else "-".join(value),
)
def test_storekeeper_hears_everything_and_people_by_severity(labels: list[str], receivers: str) -> None:
    """Nothing stops at the webhook, and no alert is without a person."""
    routed = subprocess.run(
        ["amtool", "config", "routes", "test", f"--config.file={TEMPLATE}", *labels],
        capture_output=True,
        text=True,
        check=True,
    )

    assert routed.stdout.strip() == receivers


def test_what_was_done_is_gathered_and_heard_before_it_ends() -> None:
    """An alert that lasts 15 minutes is told at the latest one group_interval after it came, and once."""
    routes = yaml.safe_load(TEMPLATE.read_text("utf-8"))["route"]["routes"]
    (route,) = [route for route in routes if route["receiver"] == "people-info"]
    lasts = Notify().done_for

    assert route["group_by"] == ["shop", "instance"]
    assert parse_age(route["group_wait"]).seconds < lasts.seconds
    assert parse_age(route["group_interval"]).seconds < lasts.seconds < parse_age("5d").seconds
    assert route["repeat_interval"] == "5d"


def test_the_webhook_gets_every_alert_of_a_group_and_its_end() -> None:
    """A limit would cut alerts off, and without resolved messages an episode would never close."""
    (webhook,) = yaml.safe_load(TEMPLATE.read_text("utf-8"))["receivers"][0]["webhook_configs"]

    assert webhook == {
        "url": "http://127.0.0.1:9732/api/v1/alerts",
        "send_resolved": True,
        "max_alerts": 0,
        "http_config": {"authorization": {"credentials_file": "/etc/prometheus/storekeeper-token"}},
    }


def test_the_worse_alert_inhibits_the_milder_one_about_the_same_thing_only(alertmanager: str) -> None:
    """Another shop, instance, resource, area, database or mount point keeps its own alert."""
    here = {"shop": "a", "instance": "web:9731"}
    media = {"resource": "media", "area": "media"}
    logs = {"resource": "logs", "area": "logs"}
    database = {**here, "resource": "database"}
    disk = {**here, "host": "web", "resource": "disk"}
    post(
        alertmanager,
        usage("emergency", "worst"),
        usage("critical", "critical under emergency"),
        usage("warning", "warning under emergency"),
        {**usage("warning", "trend under emergency"), "alertname": "StorageWillFillSoon"},
        usage("warning", "other shop", shop="b", instance="web:9731", **media),
        usage("critical", "other shop, critical", shop="b", instance="web:9731", **media),
        usage("warning", "other instance", shop="a", instance="other:9731", **media),
        usage("warning", "other area", **here, **logs),
        usage("critical", "critical database", **database, database="default"),
        usage("warning", "warning under critical", **database, database="default"),
        usage("warning", "other database", **database, database="archive"),
        usage("critical", "critical disk", **disk, mountpoint="/"),
        usage("warning", "other mount point", **disk, mountpoint="/srv"),
        usage("warning", "storage", **here, resource="storage"),
        {"alertname": "StorekeeperDown", "severity": "critical", **here, "about": "down"},
        {"alertname": "BackupTooOld", "severity": "warning", **here, "about": "backup"},
    )
    expected = {
        "worst": False,
        "critical under emergency": True,
        "warning under emergency": True,
        "trend under emergency": True,
        "other shop": True,
        "other shop, critical": False,
        "other instance": False,
        "other area": False,
        "critical database": False,
        "warning under critical": True,
        "other database": False,
        "critical disk": False,
        "other mount point": False,
        "storage": False,
        "down": False,
        "backup": False,
    }

    eventually(lambda: inhibited(alertmanager) == expected)

    assert inhibited(alertmanager) == expected


def test_the_webhook_hears_of_each_alert_apart_but_not_of_inhibited_ones(
    alertmanager: str, inbox: Inbox
) -> None:
    """One alert per message, with the token; the milder alert is heard when the worse one has ended."""
    # Alertmanager's inhibition hears of an alert a moment after its groups do.
    post(alertmanager, usage("emergency", "a"))
    eventually(lambda: len(inbox.alerts) == 1)
    post(alertmanager, usage("warning", "a"))
    post(alertmanager, usage("warning", "b", shop="a", instance="web:9731", resource="logs", area="logs"))
    first = {
        ("StorageUsageEmergency", "firing", "media"),
        ("StorageUsageWarning", "firing", "logs"),
    }

    eventually(lambda: inbox.alerts >= first)
    assert inbox.alerts == first

    post(alertmanager, usage("emergency", "a"), resolved=True)
    then = first | {
        ("StorageUsageEmergency", "resolved", "media"),
        ("StorageUsageWarning", "firing", "media"),
    }
    eventually(lambda: inbox.alerts >= then)

    assert inbox.alerts == then
    assert inbox.sizes == {1}
    assert inbox.authorizations == {"Bearer secret-token"}
