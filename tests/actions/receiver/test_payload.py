"""Reading Alertmanager's webhook messages."""

import json
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from actions.receiver.payload import Alert, MalformedPayload, Message, Status, parse_message

Make = Callable[..., dict[str, Any]]


def test_reads_alerts_one_by_one(alert: Make, message: Make) -> None:
    """A message gives each alert with its own status, whatever the group's status is."""
    sent = message(
        alert("A", fingerprint="a1", area="ផលិតផល"),
        alert("B", fingerprint="b2", status="resolved"),
        truncatedAlerts=3,
        notification_reason="first notification",
    )
    expected = Message(
        alerts=(
            Alert(
                status=Status.FIRING,
                fingerprint="a1",
                labels={"alertname": "A", "shop": "sample", "area": "ផលិតផល"},
                starts_at="2026-05-03T11:59:00Z",
            ),
            Alert(
                status=Status.RESOLVED,
                fingerprint="b2",
                labels={"alertname": "B", "shop": "sample"},
                starts_at="2026-05-03T11:59:00Z",
            ),
        ),
        truncated=3,
    )
    assert expected == parse_message(json.dumps(sent).encode())


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"version": "3"}, 'The message is not of version "4", the only one that is understood.'),
        ({"version": 4}, 'The message is not of version "4", the only one that is understood.'),
        ({"alerts": "SECRET"}, "The message is malformed at alerts."),
        ({"alerts": [{"status": "SECRET"}]}, "The message is malformed at alerts.0.status."),
        (
            {"alerts": [{"status": "firing", "fingerprint": "../SECRET", "labels": {}}]},
            "The message is malformed at alerts.0.fingerprint.",
        ),
        (
            {"alerts": [{"status": "firing", "fingerprint": "a", "labels": {"SECRET": 7}}]},
            "The message is malformed at alerts.0.labels.",
        ),
        ({"truncatedAlerts": -1}, "The message is malformed at truncatedAlerts."),
    ],
)
def test_names_the_place_and_repeats_nothing(message: Make, change: dict[str, Any], sentence: str) -> None:
    """A malformed message is told by one sentence that holds no word of it."""
    with pytest.raises(MalformedPayload) as caught:
        parse_message(json.dumps({**message(), **change}).encode())
    assert sentence == caught.value.message


@given(
    st.binary(max_size=300)
    | st.recursive(
        st.none() | st.booleans() | st.floats() | st.text(),
        lambda inner: (
            st.lists(inner)
            | st.dictionaries(st.sampled_from(["version", "alerts", "labels"]) | st.text(), inner)
        ),
    ).map(lambda value: json.dumps(value).encode())
)
def test_garbage_is_refused_and_never_breaks(body: bytes) -> None:
    """Whatever comes is either a message or a MalformedPayload."""
    try:
        read = parse_message(body)
    except MalformedPayload:
        return
    assert isinstance(read, Message)
