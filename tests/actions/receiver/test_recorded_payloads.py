"""
Messages as Alertmanager sends them, to the parser and to a receiver.

``payloads/alertmanager-0.25-*.json`` are the bytes that the real one sent; ``made-*.json`` have the keys that
newer versions add, or keys that no version has.
"""

from pathlib import Path
from typing import Any

import pytest
import requests

from actions.receiver.payload import parse_message

PAYLOADS = Path(__file__).with_name("payloads")
ONE = [("firing", "StorageUsageWarning", "media")]

# File: the alerts in it, and how many were cut off.
EXPECTED: dict[str, tuple[list[tuple[str, str, str]], int]] = {
    "alertmanager-0.25-firing.json": (ONE, 0),
    "alertmanager-0.25-group.json": (
        [
            ("firing", "BackupTooOld", ""),
            ("firing", "StorageUsageCritical", "disk"),
            ("firing", "StorageUsageWarning", "media"),
        ],
        0,
    ),
    "alertmanager-0.25-group-with-resolved.json": (
        [
            ("firing", "BackupTooOld", ""),
            ("firing", "StorageUsageWarning", "media"),
            ("resolved", "StorageUsageCritical", "disk"),
        ],
        0,
    ),
    "alertmanager-0.25-resolved.json": ([("resolved", "StorageUsageWarning", "media")], 0),
    "alertmanager-0.25-truncated.json": ([("firing", "StorageUsageWarning", "logs")], 2),
    "made-as-by-0.32-notification-reason.json": (ONE, 0),
    "made-as-by-0.34-route-labels.json": (ONE, 0),
    "made-with-unknown-keys.json": (ONE, 0),
    "made-without-what-is-not-needed.json": (ONE, 0),
}


@pytest.mark.parametrize("name", EXPECTED)
def test_message_is_understood(name: str) -> None:
    """Each message gives its alerts one by one, whatever the status of its group is."""
    message = parse_message((PAYLOADS / name).read_bytes())
    alerts = sorted((alert.status, alert.name, alert.labels.get("resource", "")) for alert in message.alerts)
    assert EXPECTED[name] == (alerts, message.truncated)
    assert all(len(alert.fingerprint) == 16 and alert.starts_at for alert in message.alerts)


def test_no_message_is_forgotten() -> None:
    """Each file has its line in the table."""
    assert set(EXPECTED) == {path.name for path in PAYLOADS.iterdir()}


def test_receiver_takes_them_all(receiver: Any) -> None:
    """Each is answered with 202, and its alerts are counted."""
    for name in EXPECTED:
        answer = requests.post(
            f"{receiver.url}/api/v1/alerts",
            data=(PAYLOADS / name).read_bytes(),
            headers={"content-type": "application/json"},
            timeout=30,
        )
        assert 202 == answer.status_code, name
        assert len(EXPECTED[name][0]) == len(answer.json()["decisions"]), name
    counted = sum(len(alerts) for alerts, _ in EXPECTED.values())
    assert counted == receiver.metric("storekeeper_alerts_received_total")
    assert 2 == receiver.metric("storekeeper_alerts_truncated_total")
