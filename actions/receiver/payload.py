"""Alertmanager's webhook message, version 4: what we read of it, checked strictly; all else is ignored."""

import enum
from dataclasses import dataclass, field
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, ValidationError

from storekeeper.errors import StorekeeperError

MOST_ALERTS = 100_000
_TEXT = 4096

Text = Annotated[str, StringConstraints(max_length=_TEXT)]


class MalformedPayload(StorekeeperError):
    """The message is not a webhook message of version 4; its text repeats nothing of the message."""


class Status(enum.StrEnum):
    """What Alertmanager says of one alert."""

    FIRING = "firing"
    RESOLVED = "resolved"


@dataclass(frozen=True, kw_only=True)
class Alert:
    """One alert of a message. ``fingerprint`` is made of the labels alone, so it comes back with them."""

    status: Status
    fingerprint: str
    labels: dict[str, str] = field(default_factory=dict)
    starts_at: str = ""

    @property
    def name(self) -> str:
        """Return the alert's name."""
        return self.labels.get("alertname", "")

    @property
    def severity(self) -> str:
        """Return the alert's severity, empty when it has none."""
        return self.labels.get("severity", "")

    @property
    def level(self) -> str:
        """Return how far it has come: ``level``, or the severity of a rule file that has no such label."""
        return self.labels.get("level", "") or self.severity


@dataclass(frozen=True, kw_only=True)
class Message:
    """The alerts of one message; ``truncated`` more were cut off by Alertmanager's max_alerts."""

    alerts: tuple[Alert, ...]
    truncated: int = 0


class _Alert(BaseModel):
    model_config = ConfigDict(extra="ignore", strict=True)

    status: Literal["firing", "resolved"]
    labels: dict[Text, Text]
    startsAt: Text = ""
    fingerprint: Annotated[str, StringConstraints(pattern=r"^[0-9A-Za-z]{1,64}$")]


class _Message(BaseModel):
    model_config = ConfigDict(extra="ignore", strict=True)

    version: Literal["4"]
    alerts: Annotated[list[_Alert], Field(max_length=MOST_ALERTS, fail_fast=True)]
    truncatedAlerts: Annotated[int, Field(ge=0)] = 0


def parse_message(body: bytes) -> Message:
    """Give the message in ``body``; raises MalformedPayload with one sentence that names the place."""
    try:
        message = _Message.model_validate_json(body)
    except ValidationError as error:
        raise MalformedPayload(_sentence(error)) from None
    return Message(
        alerts=tuple(
            Alert(
                status=Status(alert.status),
                fingerprint=alert.fingerprint,
                labels=alert.labels,
                starts_at=alert.startsAt,
            )
            for alert in message.alerts
        ),
        truncated=message.truncatedAlerts,
    )


def _sentence(error: ValidationError) -> str:
    """Say what is wrong and where, without a word that the sender chose."""
    first = error.errors(include_input=False, include_url=False, include_context=False)[0]
    place = first["loc"]
    if first["type"] == "json_invalid":
        return "The body is not JSON."
    if not place:
        return "The body is not a JSON object."
    if place[0] == "version":
        return 'The message is not of version "4", the only one that is understood.'
    known = [str(part) for part in place if isinstance(part, int) or part in _KNOWN_KEYS]
    return f"The message is malformed at {'.'.join(known)}."


_KNOWN_KEYS = frozenset({*_Message.model_fields, *_Alert.model_fields})
