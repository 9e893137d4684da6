"""With the routes that most clusters have, a state that grows worse never ends a page."""

from collections.abc import Iterator
from pathlib import Path

import pytest
import requests

from tests.deploy.running_alertmanager import eventually, post, running_alertmanager, usage
from tests.deploy.usual_routes import usual_routes

LEVELS = ("warning", "critical", "emergency")


@pytest.fixture
def alertmanager(tmp_path: Path) -> Iterator[str]:
    """A real Alertmanager with the usual routes and our inhibitions."""
    with running_alertmanager(usual_routes(pager="http://127.0.0.1:1/"), folder=tmp_path) as address:
        yield address


def held(alertmanager: str, receiver: str, *, shop: str = "a") -> set[str]:
    """Return the names of the alerts of a shop that a receiver holds: active, and not inhibited."""
    query = {"receiver": receiver, "active": "true", "inhibited": "false", "silenced": "false"}
    alerts = requests.get(f"{alertmanager}/api/v2/alerts", params=query, timeout=5).json()
    return {alert["labels"]["alertname"] for alert in alerts if alert["labels"].get("shop") == shop}


def test_the_pager_holds_an_alert_from_90_percent_on(alertmanager: str) -> None:
    """Warning is for the chat; critical and emergency are for the pager; none of it goes to no one."""
    expected = {
        "warning": (set(), {"StorageUsageWarning"}),
        "critical": ({"StorageUsageCritical"}, set()),
        "emergency": ({"StorageUsageEmergency"}, set()),
    }
    for number, level in enumerate(LEVELS, start=1):
        # All that has fired goes on firing while it grows worse.
        post(alertmanager, *(usage(one, "a") for one in LEVELS[:number]))
        pager, chat = expected[level]
        # An alert that is inhibited only a moment later must not have ended the page before.
        assert eventually(lambda chat=chat: held(alertmanager, "chat") == chat)
        assert eventually(lambda pager=pager: held(alertmanager, "pager") == pager)
    assert held(alertmanager, "null") == set()

    post(alertmanager, usage("emergency", "a"), resolved=True)

    assert eventually(lambda: held(alertmanager, "pager") == {"StorageUsageCritical"})


def test_an_emergency_of_one_shop_ends_no_page_of_another(alertmanager: str) -> None:
    """Two shops on one instance, one in an emergency: the other's critical alert and warning stay."""
    other = {"shop": "b", "instance": "web:9731", "resource": "media", "area": "media"}
    post(alertmanager, usage("emergency", "a"), usage("critical", "b", **other))
    post(alertmanager, usage("warning", "b", **{**other, "resource": "logs", "area": "logs"}))

    assert eventually(lambda: held(alertmanager, "pager", shop="b") == {"StorageUsageCritical"})
    assert eventually(lambda: held(alertmanager, "chat", shop="b") == {"StorageUsageWarning"})
    assert held(alertmanager, "pager") == {"StorageUsageEmergency"}


def test_what_is_down_is_one_page(alertmanager: str) -> None:
    """A service that does not answer silences that its shop is not measured, and no other shop."""
    down = {"alertname": "StorekeeperDown", "severity": "critical", "job": "any"}
    gone = {"alertname": "ShopNotMeasured", "severity": "critical", "resource": "shop"}
    post(
        alertmanager,
        {**down, "shop": "a", "instance": "web:9731"},
        {**gone, "shop": "a", "instance": "web:9731"},
        {**gone, "shop": "b", "instance": "web:9731"},
    )

    assert eventually(lambda: held(alertmanager, "pager") == {"StorekeeperDown"})
    assert held(alertmanager, "pager", shop="b") == {"ShopNotMeasured"}
