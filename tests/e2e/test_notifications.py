"""What people hear through the real Alertmanager: the alert, what storekeeper did, and what failed."""

import http.server
import json
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import requests
import yaml

from storekeeper.config import load_config
from storekeeper.errors import AlreadyRunning
from storekeeper.stack.demonstration import DemonstrationShop
from storekeeper.stack.loop import DEMONSTRATION_PACE, Loop
from storekeeper.stack.observe import Observer
from storekeeper.stack.services import Services
from tests.e2e.conftest import RunningLoop

pytestmark = [pytest.mark.e2e, pytest.mark.xdist_group("loop")]

GRAFANA_TOKEN = "glsa_a-token-of-grafana"
# One playbook that works as shipped, and one whose folder for backups is a file.
EXTRA = """
alertmanager: {{url: {alertmanager}}}
grafana: {{url: {grafana}, token_file: {grafana_token}}}
playbooks:
  database_backup:
    alert: BackupTooOld
    resource: [database]
    steps: [{{action: backup_database, options: {{output: {no_folder}}}}}]
"""


@dataclass
class Heard:
    """What arrived at the operator's webhook and at Grafana, in the order of arrival."""

    url: str = ""
    receivers: dict[str, set[str]] = field(default_factory=dict)
    alerts: list[dict[str, Any]] = field(default_factory=list)
    annotations: list[dict[str, Any]] = field(default_factory=list)

    def of(self, name: str, *, status: str = "firing", **labels: str) -> list[dict[str, Any]]:
        """Give the alerts of a name, a state and labels."""
        return [
            alert
            for alert in self.alerts
            if (alert["labels"]["alertname"], alert["status"]) == (name, status)
            and labels.items() <= alert["labels"].items()
        ]


@pytest.fixture
def heard() -> Iterator[Heard]:
    """The operator's webhook at /people, and Grafana's annotations API."""
    told = Heard()

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            status = 200
            if self.path == "/people":
                told.alerts += body["alerts"]
                for alert in body["alerts"]:
                    told.receivers.setdefault(alert["labels"]["alertname"], set()).add(body["receiver"])
            elif (
                self.path == "/api/annotations" and self.headers["Authorization"] == f"Bearer {GRAFANA_TOKEN}"
            ):
                told.annotations.append(body)
            else:
                status = 404
            self.send_response(status)
            self.send_header("Content-Length", "2")
            self.end_headers()
            self.wfile.write(b"{}")

        def log_message(self, format: str, *args: Any) -> None:
            """Say nothing."""

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
        told.url = f"http://127.0.0.1:{server.server_port}"
        yield told
        server.shutdown()


@pytest.fixture
def telling_loop(tmp_path: Path, heard: Heard, capsys: pytest.CaptureFixture[str]) -> Iterator[RunningLoop]:
    """The loop of the demonstration, with a person's webhook behind every receiver for people."""
    shop = DemonstrationShop(tmp_path)
    shop.build()
    config_file = tmp_path / "storekeeper.yml"
    loop = Loop(config_file, state=tmp_path / "loop", pace=DEMONSTRATION_PACE)
    limit = shop.write_config(config_file, state=tmp_path / "state", token_file=loop.token_file)
    token, no_folder = tmp_path / "grafana-token", tmp_path / "a-file"
    token.write_text(GRAFANA_TOKEN)
    no_folder.write_text("not a folder")
    with config_file.open("a") as file:
        file.write(
            EXTRA.format(
                alertmanager=loop.addresses.alertmanager,
                grafana=heard.url,
                grafana_token=token,
                no_folder=no_folder,
            )
        )
    loop.prepare()
    _let_people_hear(tmp_path / "loop" / "alertmanager.yml", url=f"{heard.url}/people")
    with Services(loop.services(), folder=tmp_path / "logs") as services:
        observer = Observer(
            prometheus=loop.addresses.prometheus,
            receiver=loop.addresses.receiver,
            token=loop.token_file.read_text().strip(),
        )
        running = RunningLoop(
            folder=tmp_path,
            shop=shop,
            config_file=config_file,
            media_limit=limit,
            loop=loop,
            services=services,
            observer=observer,
        )
        yield running
    with capsys.disabled():
        print()
        for name, seconds in running.stages:
            print(f"  {seconds:6.1f}s  {name}")


def _let_people_hear(path: Path, *, url: str) -> None:
    """Give each receiver for people the webhook as its channel, and let their routes wait a second."""
    document = yaml.safe_load(path.read_text())
    for receiver in document["receivers"]:
        if receiver["name"].startswith("people-"):
            receiver["webhook_configs"] = [{"url": url, "send_resolved": True}]
    document["route"] |= {"group_wait": "1s", "group_interval": "2s"}
    for route in document["route"]["routes"]:
        if route["receiver"].startswith("people-"):
            route |= {"group_wait": "1s", "group_interval": "2s"}
    path.write_text(yaml.safe_dump(document))


def test_people_hear_of_the_alert_and_of_what_was_done_and_of_what_failed(
    telling_loop: RunningLoop, heard: Heard
) -> None:
    """
    Media fills up: the warning is heard, the cleanup runs, and what it freed is heard.

    A backup that cannot be written is heard as failed, until one by hand succeeds. The receiver hears its
    own alerts, too, and starts nothing for them.
    """
    loop = telling_loop
    loop.shop.add_expired_codes(loop.media_limit)

    def wait(name: str, found: Callable[[], Any]) -> Any:
        loop.wait_until(name, lambda _: found())
        return found()

    wait("a person hears StorageUsageWarning", lambda: heard.of("StorageUsageWarning", resource="media"))
    (done, *_) = wait(
        "a person hears StorageActionDone",
        lambda: heard.of("StorageActionDone", action="cleanup_expired_qr_codes"),
    )
    (failed, *_) = wait(
        "a person hears StorageActionFailed",
        lambda: heard.of("StorageActionFailed", action="backup_database"),
    )
    seen = {run["id"]: run for run in loop.observer.look().runs}
    cleaned, broken = seen[done["annotations"]["run"]], seen[failed["annotations"]["run"]]
    assert ("media", "info") == (done["labels"]["resource"], done["labels"]["severity"])
    assert str(cleaned["freed_bytes"]) == done["annotations"]["freed_bytes"]
    assert cleaned["freed_bytes"] > 0.4 * loop.media_limit
    assert "StorageUsageWarning for media" in done["annotations"]["description"]
    assert ("failed", "warning") == (broken["state"], failed["labels"]["severity"])
    assert broken["error"].splitlines()[0] in failed["annotations"]["description"]
    assert f"{loop.loop.addresses.receiver}/runs/{cleaned['id']}" == done["annotations"]["page_url"]
    assert {"people-info"} == heard.receivers["StorageActionDone"]
    assert {"people-warning"} == heard.receivers["StorageActionFailed"]
    (annotation,) = [one for one in heard.annotations if f"run:{cleaned['id']}" in one["tags"]]
    assert ["storekeeper", "cleanup_expired_qr_codes", "media"] == annotation["tags"][:3]
    assert annotation["time"] <= annotation["timeEnd"]

    def back_up() -> bool:
        code = subprocess.run(
            [sys.executable, "-m", "storekeeper", "backup_database", "--config.file", str(loop.config_file)],
            capture_output=True, timeout=120, check=False,
        ).returncode  # fmt: skip
        # The receiver may be at work on the database just then.
        assert code in (0, AlreadyRunning.exit_code)
        return code == 0

    loop.wait_until("a backup by hand", lambda _: back_up())
    wait(
        "a person hears that it works again",
        lambda: heard.of("StorageActionFailed", status="resolved", action="backup_database"),
    )

    token = loop.loop.token_file.read_text().strip()
    page = requests.get(
        f"{loop.loop.addresses.receiver}/metrics", headers={"Authorization": f"Bearer {token}"}, timeout=10
    ).text
    shop = load_config(loop.config_file).shop
    values = dict(
        line.replace(f',shop="{shop}"', "").rsplit(" ", 1)
        for line in page.splitlines()
        if not line.startswith("#")
    )
    assert float(values['storekeeper_alerts_skipped_total{reason="own"}']) >= 2
    assert float(values['storekeeper_notifications_total{outcome="sent",target="alertmanager"}']) >= 3
    assert 0 == float(values['storekeeper_notifications_total{outcome="given_up",target="alertmanager"}'])
    own = [run for run in loop.observer.look().runs if run["alertname"].startswith("StorageAction")]
    assert [] == own
