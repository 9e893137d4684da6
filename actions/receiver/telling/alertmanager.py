"""The outcome of a run as alerts of its own, in the form of Alertmanager's API v2."""

import datetime as dt
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from actions.ledger.schema import StepState
from actions.receiver.telling.names import ACTION_DONE, ACTION_FAILED
from actions.receiver.telling.run_end import CRITICAL, WARNING, ActionEnd, Failure, RunEnd
from storekeeper.config.services import Service
from storekeeper.units import format_size
from storekeeper.web.outgoing import ask

INFO: Final = "info"
RUNBOOKS: Final = "https://github.com/storekeeper/storekeeper/blob/main/alert_rules/runbooks"


@dataclass(frozen=True, kw_only=True)
class Lifetimes:
    """How long an alert lasts by itself: of a success, and of a failure; in seconds."""

    done_seconds: float
    failed_seconds: float


@dataclass(frozen=True, kw_only=True)
class Alerts:
    """Makes alerts of ends of runs. ``page_url`` is where people find the receiver's page."""

    shop: str
    page_url: str
    lifetimes: Lifetimes

    def of_run(self, end: RunEnd, *, now: float) -> list[dict[str, Any]]:
        """
        Give the alerts that tell of a run, and the ends of failures that it has overtaken.

        A success begins when it is told, however late that is: one that had ended already would not be heard.
        """
        alerts: list[dict[str, Any]] = []
        for action in end.actions:
            if action.state is StepState.DONE:
                alerts.append(
                    self._alert(
                        self._labels(ACTION_DONE, action, severity=INFO),
                        self._annotations(ACTION_DONE, end, action),
                        end=end,
                        starts=action.finished,
                        ends=now + self.lifetimes.done_seconds,
                    )
                )
                alerts += self._overtaken(action, severities=(WARNING, CRITICAL), now=now)
            elif action.state is StepState.FAILED:
                alerts.append(self.of_failure(Failure(run_end=end, action_end=action)))
                other = WARNING if end.severity == CRITICAL else CRITICAL
                alerts += self._overtaken(action, severities=(other,), now=now)
        return alerts

    def of_failure(self, failure: Failure) -> dict[str, Any]:
        """Give the alert of a failure; sent again it is the same one."""
        end, action = failure.run_end, failure.action_end
        return self._alert(
            self._labels(ACTION_FAILED, action, severity=end.severity),
            self._annotations(ACTION_FAILED, end, action),
            end=end,
            starts=action.finished,
            ends=end.finished + self.lifetimes.failed_seconds,
        )

    def _overtaken(self, action: ActionEnd, *, severities: Iterable[str], now: float) -> list[dict[str, Any]]:
        """Give the end of the alerts about earlier failures; where there are none, nobody hears of it."""
        return [
            {"labels": self._labels(ACTION_FAILED, action, severity=severity), "endsAt": _time(now)}
            for severity in severities
        ]

    def _labels(self, name: str, action: ActionEnd, *, severity: str) -> dict[str, str]:
        labels = {
            "alertname": name,
            "severity": severity,
            "action": action.action,
            "resource": action.resource,
            "shop": self.shop,
            # As Prometheus names the shop on every alert of the rules.
            "instance": self.shop,
        }
        return {label: value for label, value in labels.items() if value}

    def _annotations(self, name: str, end: RunEnd, action: ActionEnd) -> dict[str, str]:
        freed = format_size(action.freed_bytes)
        if name == ACTION_FAILED:
            summary = f"{action.action} failed."
        elif action.freed_bytes > 0:
            summary = f"{action.action} has freed {freed}."
        else:
            summary = f"{action.action} is done."
        return {
            "summary": summary,
            "description": f"{action.text or summary}\nRun {end.run}, started by {end.reason}.",
            "freed": freed,
            "freed_bytes": str(action.freed_bytes),
            "run": end.run,
            "page_url": self._page(end),
            "runbook_url": f"{RUNBOOKS}/{name}.md",
            "dashboard_url": f"/d/storekeeper-actions?var-shop={self.shop}",
        }

    def _alert(
        self,
        labels: Mapping[str, str],
        annotations: Mapping[str, str],
        *,
        end: RunEnd,
        starts: float,
        ends: float,
    ) -> dict[str, Any]:
        return {
            "labels": labels,
            "annotations": annotations,
            "startsAt": _time(starts),
            "endsAt": _time(ends),
            "generatorURL": self._page(end),
        }

    def _page(self, end: RunEnd) -> str:
        return f"{self.page_url}/runs/{end.run}"


def post_alerts(service: Service, alerts: list[dict[str, Any]]) -> None:
    """Hand alerts to Alertmanager; raises ServiceFailed, ConfigurationError."""
    ask(service, "POST", "/api/v2/alerts", json_body=alerts)


def _time(seconds: float) -> str:
    return dt.datetime.fromtimestamp(seconds, tz=dt.UTC).isoformat(timespec="milliseconds")
