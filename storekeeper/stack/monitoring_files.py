"""
Fit the shipped Prometheus and Alertmanager configs to one machine.

The templates are ``deploy/prometheus/prometheus.yml`` and ``deploy/alertmanager/alertmanager.yml``, parsed.
They are never changed; what comes back is a new document.
"""

import copy
from collections.abc import Sequence
from typing import Any

EXPORTER_JOB = "storekeeper-exporter"
RECEIVER_JOB = "storekeeper-receiver"
WEBHOOK_RECEIVER = "storekeeper"

# As much as the template gives a scrape, where the interval allows it.
_SCRAPE_TIMEOUT_SECONDS = 10


def prometheus_configuration(
    template: dict[str, Any],
    *,
    exporter: str,
    receiver: str,
    alertmanager: str,
    rule_files: Sequence[str],
    interval_seconds: int,
    receiver_credentials_file: str | None = None,
) -> dict[str, Any]:
    """
    Return Prometheus' config for these addresses, each ``HOST:PORT``.

    ``interval_seconds`` is that of scrapes and of rule evaluations. The bearer token in
    ``receiver_credentials_file`` is sent to the receiver when it is given.
    """
    document = copy.deepcopy(template)
    document["global"] |= {
        "scrape_interval": f"{interval_seconds}s",
        "scrape_timeout": f"{min(interval_seconds, _SCRAPE_TIMEOUT_SECONDS)}s",
        "evaluation_interval": f"{interval_seconds}s",
    }
    document["rule_files"] = list(rule_files)
    document["alerting"]["alertmanagers"] = [{"static_configs": [{"targets": [alertmanager]}]}]
    jobs = document["scrape_configs"]
    _named(jobs, EXPORTER_JOB, key="job_name")["static_configs"] = [{"targets": [exporter]}]
    receiver_job = _named(jobs, RECEIVER_JOB, key="job_name")
    receiver_job["static_configs"] = [{"targets": [receiver]}]
    if receiver_credentials_file is not None:
        receiver_job["authorization"] = {"credentials_file": receiver_credentials_file}
    return document


def alertmanager_configuration(
    template: dict[str, Any],
    *,
    webhook_url: str,
    credentials_file: str,
    group_wait_seconds: int,
    group_interval_seconds: int,
    repeat_interval_seconds: int | None = None,
) -> dict[str, Any]:
    """
    Give Alertmanager's config that sends to this webhook, with the bearer token in ``credentials_file``.

    The waits are those of the webhook's route; people's routes stay as the template has them, and so does
    the repeat interval when none is given.
    """
    document = copy.deepcopy(template)
    route = _named(document["route"]["routes"], WEBHOOK_RECEIVER, key="receiver")
    route["group_wait"] = f"{group_wait_seconds}s"
    route["group_interval"] = f"{group_interval_seconds}s"
    if repeat_interval_seconds is not None:
        route["repeat_interval"] = f"{repeat_interval_seconds}s"
    (webhook,) = _named(document["receivers"], WEBHOOK_RECEIVER, key="name")["webhook_configs"]
    webhook["url"] = webhook_url
    webhook["http_config"] = {"authorization": {"credentials_file": credentials_file}}
    return document


def _named(entries: list[dict[str, Any]], name: str, *, key: str) -> dict[str, Any]:
    (entry,) = [entry for entry in entries if entry[key] == name]
    return entry
