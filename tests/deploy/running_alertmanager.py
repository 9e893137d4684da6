"""A real Alertmanager with a config, and alerts sent to it as Prometheus sends them."""

import datetime as dt
import shutil
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import requests
import yaml

ROOT = Path(__file__).resolve().parents[2]
PATIENCE_SECONDS = 30.0
# The labels that the shipped rules give their alerts.
LABELS: dict[str, dict[str, str]] = {
    rule["alert"]: rule["labels"]
    for path in (ROOT / "alert_rules").glob("*.yml")
    for group in yaml.safe_load(path.read_text("utf-8"))["groups"]
    for rule in group["rules"]
    if "alert" in rule
}


def usage(level: str, about: str, **labels: str) -> dict[str, str]:
    """Return the labels of a threshold alert, as the shipped rule gives them."""
    defaults = {"shop": "a", "instance": "web:9731", "resource": "media", "area": "media"}
    name = f"StorageUsage{level.title()}"
    return {
        "alertname": name,
        **LABELS[name],
        "about": about,
        **(labels or defaults),
    }


@contextmanager
def running_alertmanager(config: dict[str, Any], *, folder: Path) -> Iterator[str]:
    """Run Alertmanager with ``config`` in ``folder`` and yield its address."""
    (folder / "alertmanager.yml").write_text(yaml.safe_dump(config), "utf-8")
    address = f"127.0.0.1:{free_port()}"
    program = shutil.which("prometheus-alertmanager") or "alertmanager"
    with (folder / "alertmanager.log").open("wb") as log:
        process = subprocess.Popen(
            [
                program,
                f"--config.file={folder / 'alertmanager.yml'}",
                f"--storage.path={folder / 'data'}",
                f"--web.listen-address={address}",
                "--cluster.listen-address=",
            ],
            stdout=log,
            stderr=subprocess.STDOUT,
        )
    try:
        ready = eventually(lambda: answers(f"http://{address}/-/ready"))
        assert ready, (folder / "alertmanager.log").read_text()
        yield f"http://{address}"
    finally:
        process.terminate()
        process.wait(PATIENCE_SECONDS)


def free_port() -> int:
    """Give a port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def eventually(look: Callable[[], bool]) -> bool:
    """Tell whether something becomes true before patience ends."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not (found := look()) and time.monotonic() < deadline:
        time.sleep(0.1)
    return found


def answers(url: str) -> bool:
    """Tell whether a service answers with success."""
    try:
        return requests.get(url, timeout=2).ok
    except requests.RequestException:
        return False


def post(alertmanager: str, *alerts: dict[str, str], resolved: bool = False) -> None:
    """Send alerts as Prometheus does."""
    now = dt.datetime.now(dt.UTC)
    ends = now if resolved else now + dt.timedelta(hours=1)
    body = [
        {
            "labels": labels,
            "startsAt": (now - dt.timedelta(minutes=5)).isoformat(),
            "endsAt": ends.isoformat(),
        }
        for labels in alerts
    ]
    requests.post(f"{alertmanager}/api/v2/alerts", json=body, timeout=5).raise_for_status()
