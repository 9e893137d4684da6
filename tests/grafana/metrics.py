"""The metrics that a dashboard may name: the literal list, and a page of each service that shows them all."""

from collections.abc import Mapping, Sequence
from typing import Final

EXPORTER: Final[Mapping[str, Sequence[Mapping[str, str]]]] = {
    "storekeeper_database_up": ({"database": "default"},),
    "storekeeper_database_size_bytes": ({"database": "default"},),
    "storekeeper_database_reclaimable_bytes": ({"database": "default"},),
    "storekeeper_database_limit_bytes": ({"database": "default"},),
    "storekeeper_table_rows": (
        {"database": "default", "table": "app_order"},
        {"database": "default", "table": "app_product"},
    ),
    "storekeeper_table_size_bytes": (
        {"database": "default", "table": "app_order"},
        {"database": "default", "table": "app_product"},
    ),
    "storekeeper_area_size_bytes": tuple({"area": area} for area in ("media", "static", "logs", "backups")),
    "storekeeper_area_allocated_bytes": tuple(
        {"area": area} for area in ("media", "static", "logs", "backups")
    ),
    "storekeeper_area_files": tuple({"area": area} for area in ("media", "static", "logs", "backups")),
    "storekeeper_area_large_files": tuple({"area": area} for area in ("media", "static", "logs", "backups")),
    "storekeeper_area_limit_bytes": tuple({"area": area} for area in ("media", "static", "logs")),
    "storekeeper_group_size_bytes": ({"area": "media", "group": "qr_codes"},),
    "storekeeper_group_files": ({"area": "media", "group": "qr_codes"},),
    "storekeeper_qr_codes": tuple(
        {"kind": "payment", "state": state} for state in ("live", "expired", "orphaned")
    ),
    "storekeeper_qr_codes_size_bytes": tuple(
        {"kind": "payment", "state": state} for state in ("live", "expired", "orphaned")
    ),
    "storekeeper_orphaned_files": ({"area": "media"},),
    "storekeeper_replaced_files": ({"area": "media"},),
    "storekeeper_replaced_size_bytes": ({"area": "media"},),
    "storekeeper_orphaned_size_bytes": ({"area": "media"},),
    "storekeeper_log_messages_total": (
        {"file": "django.log", "level": "WARNING"},
        {"file": "django.log", "level": "ERROR"},
    ),
    "storekeeper_log_oldest_line_timestamp_seconds": ({"file": "django.log"},),
    "storekeeper_log_rotation_due_timestamp_seconds": ({"file": "django.log"},),
    "storekeeper_orders": ({},),
    "storekeeper_storage_size_bytes": ({},),
    "storekeeper_storage_limit_bytes": ({},),
    "storekeeper_disk_size_bytes": ({"host": "web", "mountpoint": "/"},),
    "storekeeper_disk_used_bytes": ({"host": "web", "mountpoint": "/"},),
    "storekeeper_disk_available_bytes": ({"host": "web", "mountpoint": "/"},),
    "storekeeper_disk_files": ({"host": "web", "mountpoint": "/"},),
    "storekeeper_disk_files_free": ({"host": "web", "mountpoint": "/"},),
    "storekeeper_backup_last_success_timestamp_seconds": ({"kind": "database"}, {"kind": "media"}),
    "storekeeper_backup_last_verified_timestamp_seconds": ({"kind": "database"}, {"kind": "media"}),
    "storekeeper_backup_size_bytes": ({"kind": "database"}, {"kind": "media"}),
    "storekeeper_backups": ({"kind": "database"}, {"kind": "media"}),
    "storekeeper_backups_failed": ({"kind": "database"}, {"kind": "media"}),
    "storekeeper_recovery_verdict": tuple(
        {"verdict": verdict} for verdict in ("verified", "failed", "inconclusive")
    ),
    "storekeeper_recovery_last_verified_timestamp_seconds": ({},),
    "storekeeper_recovery_duration_seconds": tuple({"stage": stage} for stage in ("fetch", "database")),
    "storekeeper_recovery_age_seconds": ({},),
    "storekeeper_collector_success": ({"collector": "databases"}, {"collector": "disks"}),
    "storekeeper_collector_duration_seconds": ({"collector": "databases"}, {"collector": "disks"}),
    "storekeeper_collector_last_success_timestamp_seconds": (
        {"collector": "databases"},
        {"collector": "disks"},
    ),
    "storekeeper_build_info": ({"version": "1.0.0"},),
    "storekeeper_config_last_reload_successful": ({},),
    "storekeeper_config_last_reload_success_timestamp_seconds": ({},),
}
"""Metric of the exporter -> the labels of its series in the test."""

RECEIVER: Final[Mapping[str, Sequence[Mapping[str, str]]]] = {
    "storekeeper_alerts_received_total": ({},),
    "storekeeper_alerts_skipped_total": ({"reason": "cooldown"},),
    "storekeeper_alerts_truncated_total": ({},),
    "storekeeper_action_runs_total": ({"action": "backup_database"}, {"action": "rotate_logs"}),
    "storekeeper_action_failures_total": ({"action": "backup_database"}, {"action": "rotate_logs"}),
    "storekeeper_action_freed_bytes_total": ({"action": "backup_database"}, {"action": "rotate_logs"}),
    "storekeeper_action_last_success_timestamp_seconds": ({"action": "rotate_logs"},),
    "storekeeper_action_running": ({"action": "backup_database"}, {"action": "rotate_logs"}),
    "storekeeper_runs_waiting": ({},),
    "storekeeper_notifications_total": ({"target": "alertmanager", "outcome": "sent"},),
    "storekeeper_episodes_exhausted": ({"alertname": "StorageUsageWarning", "resource": "media"},),
}
"""Metric of the receiver -> the labels of its series in the test."""

RECORDED: Final = frozenset({"storekeeper:usage:ratio", "storekeeper:target:seen"})
PROMETHEUS: Final = frozenset({"up", "ALERTS", "ALERTS_FOR_STATE"})

SHOPS: Final = ("madamda", "other")
"""Both are measured by the same processes, so that Prometheus gives them one instance."""

KNOWN: Final = frozenset(EXPORTER) | frozenset(RECEIVER) | RECORDED | PROMETHEUS


def page(metrics: Mapping[str, Sequence[Mapping[str, str]]], *, scrape: int, now: float) -> str:
    """
    Return the text page of two shops at the n-th ``scrape``: all grows a little, and times are an hour ago.

    Limits stay as they are, far above the sizes.
    """
    lines = []
    for metric, series in metrics.items():
        lines.append(f"# TYPE {metric} {'counter' if metric.endswith('_total') else 'gauge'}")
        for shop in SHOPS:
            for labels in series:
                pairs = ",".join(f'{name}="{value}"' for name, value in {**labels, "shop": shop}.items())
                lines.append(f"{metric}{{{pairs}}} {_value(metric, scrape=scrape, now=now)}")
    return "\n".join((*lines, ""))


def _value(metric: str, *, scrape: int, now: float) -> float:
    if metric.endswith("_timestamp_seconds"):
        return now - 3600
    if metric.endswith(("_limit_bytes", "_available_bytes", "_disk_size_bytes")):
        return 1e9
    if metric.endswith(("_up", "_success", "_successful", "_info", "_running", "_verdict")):
        return 1
    return 1000 + scrape
