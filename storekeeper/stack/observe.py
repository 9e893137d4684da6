"""Read what the running loop is doing: fill levels, alerts and runs, over HTTP as anybody could."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import requests

_SECONDS = 5.0


@dataclass(frozen=True, kw_only=True)
class Usage:
    """How full one thing is: 0.8 means 80 %."""

    resource: str
    thing: str
    ratio: float


@dataclass(frozen=True, kw_only=True)
class FiringAlert:
    """An alert as Prometheus has it: ``pending`` or ``firing``."""

    name: str
    resource: str
    state: str


@dataclass(frozen=True, kw_only=True)
class Observation:
    """One look at the loop; ``runs`` are the receiver's, newest first."""

    usage: tuple[Usage, ...] = ()
    alerts: tuple[FiringAlert, ...] = ()
    runs: tuple[Mapping[str, Any], ...] = ()


class Observer:
    """Asks Prometheus and the receiver. A service that does not answer leaves its part empty."""

    def __init__(self, *, prometheus: str, receiver: str, token: str) -> None:
        self._prometheus = prometheus
        self._receiver = receiver
        self._session = requests.Session()
        self._headers = {"Authorization": f"Bearer {token}"}

    def look(self) -> Observation:
        """Give the present state."""
        return Observation(usage=self._usage(), alerts=self._alerts(), runs=self._runs())

    def _usage(self) -> tuple[Usage, ...]:
        answer = self._ask(f"{self._prometheus}/api/v1/query", query="storekeeper:usage:ratio")
        series = answer["data"]["result"] if answer else []
        found = [
            Usage(
                resource=labels.get("resource", ""),
                thing=labels.get("mountpoint") or labels.get("database") or labels.get("area") or "",
                ratio=float(one["value"][1]),
            )
            for one in series
            for labels in [one["metric"]]
        ]
        return tuple(sorted(found, key=lambda usage: (usage.resource, usage.thing)))

    def _alerts(self) -> tuple[FiringAlert, ...]:
        answer = self._ask(f"{self._prometheus}/api/v1/alerts")
        alerts = answer["data"]["alerts"] if answer else []
        found = {
            FiringAlert(
                name=alert["labels"]["alertname"],
                # Alerts about backups say which kind.
                resource=alert["labels"].get("resource") or alert["labels"].get("kind", ""),
                state=alert["state"],
            )
            for alert in alerts
        }
        return tuple(sorted(found, key=lambda alert: (alert.name, alert.resource)))

    def _runs(self) -> tuple[Mapping[str, Any], ...]:
        answer = self._ask(f"{self._receiver}/api/v1/runs", headers=self._headers)
        return tuple(answer["runs"]) if answer else ()

    def _ask(self, url: str, *, headers: Mapping[str, str] | None = None, **query: str) -> Any:
        try:
            response = self._session.get(url, params=query, headers=headers, timeout=_SECONDS)
            return response.json() if response.ok else None
        except (requests.RequestException, ValueError):
            return None
