"""The rule files as a whole: they load, every alert is complete, tested both ways and has its runbook."""

import re
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from storekeeper.stack.rule_files import RUNBOOKS_URL

ROOT = Path(__file__).resolve().parents[2]
RULE_FILES = sorted((ROOT / "alert_rules").glob("*.yml"))
TEST_FILES = sorted((ROOT / "tests" / "alert_rules").glob("*.test.yml"))
GROUPS: list[dict[str, Any]] = [
    group for path in RULE_FILES for group in yaml.safe_load(path.read_text("utf-8"))["groups"]
]
RULES: list[dict[str, Any]] = [rule for group in GROUPS for rule in group["rules"]]
ALERT_RULES = [rule for rule in RULES if "alert" in rule]

# The alerts that playbooks, dashboards and people's own routes rely on.
ALERT_NAMES = {
    "StorageUsageWarning",
    "StorageUsageCritical",
    "StorageUsageEmergency",
    "StorageWillFillSoon",
    "StorageGrowthUnexpected",
    "BackupTooOld",
    "BackupNotVerified",
    "RecoveryNotVerified",
    "ExpiredQRCodesPileUp",
    "OrphanedMediaFound",
    "LogRotationOverdue",
    "DatabaseNeedsOptimizing",
    "ErrorsInLogs",
    "DiskFilesRunningOut",
    "StorekeeperDown",
    "CollectorFailing",
    "MeasurementTooOld",
    "ActionFailing",
    "ActionsExhausted",
    "ApprovalNeeded",
    "ShopNotMeasured",
    "StorageNotMeasured",
}

# What the exporter, the receiver and Prometheus itself give the rules.
EXPORTER_METRICS = {
    "storekeeper_database_size_bytes",
    "storekeeper_database_reclaimable_bytes",
    "storekeeper_database_limit_bytes",
    "storekeeper_area_size_bytes",
    "storekeeper_area_limit_bytes",
    "storekeeper_storage_size_bytes",
    "storekeeper_storage_limit_bytes",
    "storekeeper_disk_used_bytes",
    "storekeeper_disk_available_bytes",
    "storekeeper_disk_files",
    "storekeeper_disk_files_free",
    "storekeeper_qr_codes",
    "storekeeper_orphaned_files",
    "storekeeper_orders",
    "storekeeper_log_messages_total",
    "storekeeper_log_rotation_due_timestamp_seconds",
    "storekeeper_not_measured",
    "storekeeper_backups",
    "storekeeper_backups_failed",
    "storekeeper_backup_last_success_timestamp_seconds",
    "storekeeper_backup_last_verified_timestamp_seconds",
    "storekeeper_recovery_last_verified_timestamp_seconds",
    "storekeeper_recovery_verdict",
    "storekeeper_collector_success",
    "storekeeper_collector_last_success_timestamp_seconds",
}
RECEIVER_METRICS = {
    "storekeeper_action_runs_total",
    "storekeeper_action_failures_total",
    "storekeeper_episodes_exhausted",
    "storekeeper_runs_waiting",
    "storekeeper_alerts_received_total",
}
DASHBOARDS = {
    "storekeeper-overview",
    "storekeeper-databases",
    "storekeeper-media",
    "storekeeper-logs-backups",
    "storekeeper-actions",
}


def numbered(rule: dict[str, Any]) -> str:
    """Name an alert rule for a test's id; the severity or reason tells rules of one name apart."""
    labels = rule["labels"]
    telling = ("kind", "reason", "compared_with", "pace")
    return "-".join([rule["alert"], *(labels[key] for key in telling if key in labels)])


every_alert_rule = pytest.mark.parametrize("rule", ALERT_RULES, ids=numbered)


def promtool(*arguments: str | Path) -> tuple[int, str]:
    """Run promtool; give its exit code and what it said."""
    finished = subprocess.run(["promtool", *arguments], capture_output=True, text=True, check=False)
    return finished.returncode, finished.stdout + finished.stderr


def alerts_in_tests(*, fires: bool) -> set[str]:
    """Name the alerts of which a promtool test expects that they fire, or that they do not."""
    return {
        expectation["alertname"]
        for path in TEST_FILES
        for test in yaml.safe_load(path.read_text("utf-8"))["tests"]
        for expectation in test.get("alert_rule_test", [])
        if bool(expectation.get("exp_alerts")) == fires
    }


@pytest.mark.parametrize("rule_file", RULE_FILES, ids=lambda path: path.name)
def test_prometheus_loads_the_rule_file_without_a_complaint(rule_file: Path) -> None:
    """promtool finds no error and no lint, such as two rules with one identity."""
    code, said = promtool("check", "rules", "--lint=all", "--lint-fatal", rule_file)

    assert code == 0, said


@pytest.mark.parametrize("test_file", TEST_FILES, ids=lambda path: path.name)
def test_the_alerts_fire_when_they_should(test_file: Path) -> None:
    """promtool's own tests of the rules pass."""
    code, said = promtool("test", "rules", test_file)

    assert code == 0, said


def test_every_promised_alert_exists_and_no_other() -> None:
    """The names that playbooks and dashboards use are all there."""
    assert {rule["alert"] for rule in ALERT_RULES} == ALERT_NAMES


def test_every_alert_is_tested_for_firing_and_for_silence() -> None:
    """No alert has only half a test."""
    assert alerts_in_tests(fires=True) == ALERT_NAMES
    assert alerts_in_tests(fires=False) == ALERT_NAMES


def test_groups_are_named_after_their_file() -> None:
    """A group is found by its name in Prometheus and by its file here."""
    assert [group["name"] for group in GROUPS] == [f"storekeeper-{path.stem}" for path in RULE_FILES]


def test_the_rules_read_only_metrics_that_exist() -> None:
    """A typing error in a metric's name would keep an alert silent for ever."""
    words = {word for rule in RULES for word in re.findall(r"\bstorekeeper[\w:]*", rule["expr"])}
    recorded = {rule["record"] for rule in RULES if "record" in rule}

    # The word storekeeper alone is the prefix of the job names.
    assert words - recorded - {"storekeeper", "storekeeper_"} == EXPORTER_METRICS | RECEIVER_METRICS


@every_alert_rule
def test_an_alert_is_complete(rule: dict[str, Any]) -> None:
    """Severity and the four annotations, the runbook's page exists, the dashboard is one of ours."""
    name, annotations = rule["alert"], rule["annotations"]
    dashboard = re.fullmatch(r"/d/([a-z-]+)\?var-shop=\{\{ \$labels\.shop \}\}", annotations["dashboard_url"])

    assert rule["labels"]["severity"] in {"info", "warning", "critical"}
    assert annotations.keys() == {"summary", "description", "runbook_url", "dashboard_url"}
    assert annotations["runbook_url"] == f"{RUNBOOKS_URL}{name}.md"
    assert (ROOT / "alert_rules" / "runbooks" / f"{name}.md").is_file()
    assert dashboard is not None
    assert dashboard[1] in DASHBOARDS


@every_alert_rule
def test_a_summary_is_one_plain_sentence(rule: dict[str, Any]) -> None:
    """It is the same for every instance, so that notifications group well, and reads as a sentence."""
    assert re.fullmatch(r"(storekeeper|[A-Z])[^{}.]*\.", rule["annotations"]["summary"])


@every_alert_rule
def test_a_description_says_where_and_what_storekeeper_does(rule: dict[str, Any]) -> None:
    """Whoever is woken knows which machine it is and whether to wait for storekeeper."""
    description = rule["annotations"]["description"]

    # Where nothing was ever measured there is nothing to name.
    assert "$labels." in description or rule["labels"].get("reason") == "never_measured"
    assert re.search(r"\bstorekeeper \w+", description)


@every_alert_rule
def test_a_label_never_holds_a_measured_value(rule: dict[str, Any]) -> None:
    """A value in a label would make a new alert of each measurement."""
    assert all("{{" not in value for value in rule["labels"].values())


def test_rules_of_one_alert_share_their_summary() -> None:
    """Several rules may raise one alert; people know it by one sentence."""
    summaries: dict[str, set[str]] = {}
    for rule in ALERT_RULES:
        summaries.setdefault(rule["alert"], set()).add(rule["annotations"]["summary"])

    assert {name for name, found in summaries.items() if len(found) > 1} == set()


def test_the_overview_tells_severity_and_patience_of_every_alert() -> None:
    """The table in the folder's README says what the rules say."""
    overview = (ROOT / "alert_rules" / "README.md").read_text("utf-8")
    rows = set(re.findall(r"^\| ([A-Z]\w+) \| (\w+) \| .* \| (\w+|–) \|$", overview, re.MULTILINE))

    assert rows == {(rule["alert"], rule["labels"]["severity"], rule.get("for", "–")) for rule in ALERT_RULES}
