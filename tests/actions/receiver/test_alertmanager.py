"""The real Alertmanager sends; the receiver understands."""

from collections.abc import Callable
from pathlib import Path
from typing import Any


def test_real_alert_from_firing_to_resolved(
    receiver: Any, start_alertmanager: Callable[[str], Any], wait: Callable[..., Any], tmp_path: Path
) -> None:
    """One alert that fires, is repeated each second and resolves: one run, one episode, closed at the end."""
    alertmanager = start_alertmanager(f"{receiver.url}/api/v1/alerts")
    alert = {
        "alertname": "StorageUsageWarning",
        "shop": "sample",
        "resource": "media",
        "severity": "warning",
    }
    alertmanager.post(alert)
    wait(lambda: (receiver.metric("storekeeper_alerts_received_total") or 0) >= 3)
    (run,) = receiver.runs()
    assert "done" == receiver.wait_for(run["id"], "done", "failed")["state"]
    assert ["new.png"] == [path.name for path in (tmp_path / "media").iterdir()]
    assert 1 == receiver.get("/").text.count('<strong class="what"><bdi>StorageUsageWarning</bdi>')
    alertmanager.resolve(alert)
    wait(lambda: "No alert is open." in receiver.get("/").text)
    assert 1 == len(receiver.runs())
