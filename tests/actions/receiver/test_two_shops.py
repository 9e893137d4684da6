"""Two shops behind a pair of real Alertmanagers that sends every alert to both receivers."""

import json
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
import requests
import yaml

from actions.ledger.file import LedgerFile
from actions.playbooks import shipped_playbooks
from tests.receiver_url import receiver_url

PROGRAM = Path(__file__).with_name("receiver_process.py")
SHOPS = ("a", "b")
OF_EACH = 200
# What the shops of one machine have in common, and both Prometheus servers send.
SHARED = {"instance": "host-1", "job": "storekeeper-exporter", "level": "warning", "severity": "warning"}


def config_text(folder: Path, shop: str) -> str:
    names = {
        "shop": shop,
        "host": "host-1",
        "project": str(folder / shop),
        "state": str(folder / f"{shop}.state"),
    }
    playbooks: dict[str, Any] = dict.fromkeys(shipped_playbooks())
    step = {"action": "remove_files", "options": {"names": "old*"}}
    playbooks["full"] = {"alert": "StorageUsageWarning", "resource": ["media", "disk"], "steps": [step]}
    return yaml.safe_dump(
        {
            **names,
            "areas": {"media": {"path": "media", "limit": 1000}},
            "receiver": {"listen": "127.0.0.1:0"},
            "playbooks": playbooks,
        }
    )


@pytest.fixture
def receivers(tmp_path: Path) -> Iterator[dict[str, str]]:
    """The URL of each shop's receiver, a process of its own; both shops lie on one disk."""
    started = []
    urls = {}
    for shop in SHOPS:
        (tmp_path / shop / "media").mkdir(parents=True)
        for name in ("old.png", "new.png"):
            (tmp_path / shop / "media" / name).write_bytes(b"x" * 450)
        config_file = tmp_path / f"{shop}.yml"
        config_file.write_text(config_text(tmp_path, shop))
        command = [sys.executable, str(PROGRAM), str(config_file)]
        process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        started.append(process)
        assert process.stdout
        urls[shop] = receiver_url(tmp_path / f"{shop}.state", process.stdout.readline().strip())
    yield urls
    for process in started:
        process.terminate()
    for process in started:
        process.wait()
        assert process.stdout
        process.stdout.close()


@pytest.fixture
def pair(tmp_path: Path, receivers: dict[str, str], wait: Callable[..., Any]) -> Iterator[list[str]]:
    """The addresses of two Alertmanagers that know of each other; one route to both receivers."""
    ports = [free_port() for _ in range(4)]
    configuration = {
        "route": {
            "receiver": "all",
            "group_by": ["alertname", "shop"],
            "group_wait": "0s",
            "group_interval": "1s",
            "repeat_interval": "2s",
        },
        "receivers": [
            {
                "name": "all",
                "webhook_configs": [{"url": f"{url}/api/v1/alerts"} for url in receivers.values()],
            }
        ],
    }
    (tmp_path / "alertmanager.yml").write_text(yaml.safe_dump(configuration))
    started = []
    for number, (web, cluster, other) in enumerate(
        ((ports[0], ports[1], ports[3]), (ports[2], ports[3], ports[1]))
    ):
        command = [
            "prometheus-alertmanager",
            f"--config.file={tmp_path / 'alertmanager.yml'}",
            f"--storage.path={tmp_path / f'alertmanager-{number}'}",
            f"--web.listen-address=127.0.0.1:{web}",
            f"--cluster.listen-address=127.0.0.1:{cluster}",
            f"--cluster.peer=127.0.0.1:{other}",
            # The second waits so long for the first one's word that it has sent.
            "--cluster.peer-timeout=1s",
            "--cluster.settle-timeout=2s",
        ]
        with (tmp_path / f"alertmanager-{number}.log").open("wb") as log:
            started.append(subprocess.Popen(command, stderr=log))
    urls = [f"http://127.0.0.1:{port}" for port in (ports[0], ports[2])]
    for url in urls:
        wait(lambda url=url: answers(f"{url}/-/ready"))
    yield urls
    for process in started:
        process.terminate()
        process.wait()


def free_port() -> int:
    """Return a port that is free for TCP and, for the pair's own talk, UDP."""
    with socket.create_server(("127.0.0.1", 0)) as tcp, socket.socket(type=socket.SOCK_DGRAM) as udp:
        udp.bind(tcp.getsockname())
        return int(tcp.getsockname()[1])


def answers(url: str) -> bool:
    try:
        return requests.get(url, timeout=5).ok
    except requests.ConnectionError:
        return False


def test_no_alert_of_one_shop_starts_a_run_of_the_other(
    pair: list[str], receivers: dict[str, str], tmp_path: Path, wait: Callable[..., Any]
) -> None:
    """Two hundred alerts of either reach both; each receiver runs its own shop's playbook once."""
    alerts = [
        {"alertname": "StorageUsageWarning", "resource": "media", "shop": shop, "number": str(n), **SHARED}
        for shop in SHOPS
        for n in range(OF_EACH)
    ]
    # A disk of another machine, and an alert of an old rule file, are nobody's here.
    alerts.append({"alertname": "StorageUsageWarning", "resource": "disk", "host": "host-2", **SHARED})
    alerts.append({"alertname": "StorageUsageWarning", "resource": "media", **SHARED})
    for url in pair:
        sent = [{"labels": labels, "annotations": {}} for labels in alerts]
        assert requests.post(f"{url}/api/v2/alerts", json=sent, timeout=30).ok

    def heard(shop: str) -> bool:
        with closing(LedgerFile(tmp_path / f"{shop}.state")) as file, file.read() as connection:
            rows = connection.execute("SELECT DISTINCT fingerprint FROM alerts").fetchall()
        return len(rows) == len(alerts)

    for shop in SHOPS:
        wait(lambda shop=shop: heard(shop))
    for shop, url in receivers.items():
        (run,) = requests.get(f"{url}/api/v1/runs", timeout=30).json()["runs"]
        wait(
            lambda url=url, run=run: requests.get(f"{url}/api/v1/runs/{run['id']}").json()["state"] == "done"
        )
        with closing(LedgerFile(tmp_path / f"{shop}.state")) as file, file.read() as connection:
            labels = [json.loads(row[0]) for row in connection.execute("SELECT labels FROM episodes")]
            foreign = connection.execute("SELECT count(*) FROM alerts WHERE verdict = 'foreign'").fetchone()[
                0
            ]
        assert (OF_EACH, {shop}) == (len(labels), {one["shop"] for one in labels})
        assert OF_EACH + 2 == foreign
        assert ["new.png"] == [path.name for path in (tmp_path / shop / "media").iterdir()]
