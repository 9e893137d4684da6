"""A storm of alerts: messages of Alertmanager sent on time, whether or not the earlier ones were answered."""

import hashlib
import http.client
import json
import math
import threading
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

SENDERS = 32
SEVERITIES = ("warning", "critical")


@dataclass(frozen=True, kw_only=True)
class Answer:
    """What became of one alert; ``status`` 0 means no answer. The seconds count from when it was due."""

    fingerprint: str
    status: int
    seconds: float


@dataclass(frozen=True, kw_only=True)
class StormResult:
    """All answers of a storm."""

    answers: Sequence[Answer]

    @property
    def accepted(self) -> frozenset[str]:
        """Give the fingerprints that were answered with success."""
        return frozenset(answer.fingerprint for answer in self.answers if 200 <= answer.status < 300)

    @property
    def statuses(self) -> Mapping[int, int]:
        """Give how many answers had which status."""
        return Counter(answer.status for answer in self.answers)

    def seconds(self, share: float) -> float:
        """Give the time within which this share of all answers came."""
        ordered = sorted(answer.seconds for answer in self.answers)
        return ordered[max(math.ceil(share * len(ordered)) - 1, 0)]


def make_alert(number: int, *, shop: str, resources: Sequence[Mapping[str, str]]) -> dict[str, Any]:
    """Return one of many distinct alerts, about the shop's resources in turn, as Alertmanager sends it."""
    labels = {
        "alertname": "StorageUsageWarning",
        "severity": "warning",
        "level": "warning",
        "shop": shop,
        "instance": f"shop-{number}:9731",
        "job": "storekeeper",
        **resources[number % len(resources)],
    }
    return {
        "status": "firing",
        "labels": labels,
        "annotations": {"summary": "Storage is more than 80 % full.", "description": "x" * 200},
        "startsAt": "2026-05-03T11:59:00.123Z",
        "endsAt": "0001-01-01T00:00:00Z",
        "generatorURL": "http://prometheus:9090/graph?g0.expr=storekeeper%3Ausage%3Aratio+%3E+0.8",
        "fingerprint": hashlib.sha256(repr(labels).encode()).hexdigest()[:16],
    }


def make_message(alert: Mapping[str, Any]) -> bytes:
    """Give the webhook message that tells of one alert."""
    return json.dumps(
        {
            "receiver": "storekeeper",
            "status": "firing",
            "alerts": [alert],
            "groupLabels": {"instance": alert["labels"]["instance"]},
            "commonLabels": alert["labels"],
            "commonAnnotations": alert["annotations"],
            "externalURL": "http://alertmanager:9093",
            "version": "4",
            "groupKey": f'{{}}:{{instance="{alert["labels"]["instance"]}"}}',
            "truncatedAlerts": 0,
        }
    ).encode()


def send_storm(
    url: str,
    *,
    alerts: Sequence[Mapping[str, Any]],
    seconds: float,
    senders: int = SENDERS,
    token: str | None = None,
) -> StormResult:
    """
    Send each alert in a message of its own, evenly over ``seconds``, on connections that stay open.

    A message that is held up by the one before it on its connection has waited since it was due.
    """
    messages = [make_message(alert) for alert in alerts]
    answers: list[Answer] = []
    pause = seconds / len(alerts)
    begin = time.perf_counter() + 0.1

    def send(first: int) -> None:
        connection = _Connection(url, token=token)
        for number in range(first, len(messages), senders):
            due = begin + number * pause
            time.sleep(max(due - time.perf_counter(), 0))
            status = connection.post(messages[number])
            answers.append(
                Answer(
                    fingerprint=alerts[number]["fingerprint"],
                    status=status,
                    seconds=time.perf_counter() - due,
                )
            )
        connection.close()

    threads = [threading.Thread(target=send, args=(first,)) for first in range(min(senders, len(alerts)))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return StormResult(answers=answers)


class _Connection:
    """One connection to the URL, opened again after it broke."""

    def __init__(self, url: str, *, token: str | None) -> None:
        parts = urlsplit(url)
        assert parts.hostname
        self._headers = {"Content-Type": "application/json"}
        if token is not None:
            self._headers["Authorization"] = f"Bearer {token}"
        self._path = parts.path
        self._http = http.client.HTTPConnection(parts.hostname, parts.port, timeout=60)

    def post(self, body: bytes) -> int:
        """Send a message and give the status of the answer, 0 where none came."""
        try:
            self._http.request("POST", self._path, body, self._headers)
            answer = self._http.getresponse()
            answer.read()
            return answer.status
        except (OSError, http.client.HTTPException):
            self._http.close()
            return 0

    def close(self) -> None:
        """Hang up."""
        self._http.close()
