"""The real Alertmanager sends; the receiver understands."""

import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import requests
import yaml

from storekeeper.stack.ports import PortClaims


@pytest.fixture
def alertmanager(receiver: Any, tmp_path: Path) -> Iterator[str]:
    """An Alertmanager that sends every alert to the receiver; give its URL."""
    config = {
        "route": {
            "receiver": "storekeeper",
            "group_by": ["..."],
            "group_wait": "0s",
            "group_interval": "1s",
            "repeat_interval": "1s",
        },
        "receivers": [{"name": "storekeeper", "webhook_configs": [{"url": f"{receiver.url}/api/v1/alerts"}]}],
    }
    (tmp_path / "alertmanager.yml").write_text(yaml.safe_dump(config))
    url = f"127.0.0.1:{PortClaims().claim(19093)}"
    with subprocess.Popen(
        [
            "prometheus-alertmanager",
            f"--config.file={tmp_path / 'alertmanager.yml'}",
            f"--storage.path={tmp_path / 'alertmanager'}",
            f"--web.listen-address={url}",
            "--cluster.listen-address=",
            "--log.level=error",
        ]
    ) as process:
        yield f"http://{url}"
        process.terminate()


def test_real_alert_from_firing_to_resolved(
    receiver: Any, alertmanager: str, wait: Callable[..., Any], tmp_path: Path
) -> None:
    """One alert that fires, is repeated each second and resolves: one run, one episode, closed at the end."""

    def post(**times: str) -> bool:
        labels = {"alertname": "StorageUsageWarning", "resource": "media", "severity": "warning"}
        try:
            sent = [{"labels": labels, "annotations": {"summary": "ពេញ"}, **times}]
            return requests.post(f"{alertmanager}/api/v2/alerts", json=sent, timeout=5).ok
        except requests.ConnectionError:
            return False

    wait(post)
    wait(lambda: (receiver.metric("storekeeper_alerts_received_total") or 0) >= 3)
    (run,) = receiver.runs()
    assert "done" == receiver.wait_for(run["id"], "done", "failed")["state"]
    assert ["new.png"] == [path.name for path in (tmp_path / "media").iterdir()]
    assert 1 == receiver.get("/").text.count("<td>StorageUsageWarning</td>")
    post(endsAt=time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()))
    wait(lambda: "No alert is firing." in receiver.get("/").text)
    assert 1 == len(receiver.runs())
