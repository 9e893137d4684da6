"""The figures that the panels work out are right: promtool evaluates them over series with known answers."""

import shutil
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest
import yaml

from tests.grafana.queries import dashboards, panel_queries

DASHBOARDS = dashboards()
YEAR_SECONDS = 365 * 86400
HERE = 'shop="s", instance="a"'


@dataclass(frozen=True, kw_only=True)
class Case:
    """Queries of a panel (the first by default), one series a minute, and what they give at the end."""

    behaviour: str
    uid: str = "storekeeper-overview"
    panel: str
    query: int = 0
    series: Mapping[str, str]
    minutes: int = 60
    expected: Mapping[str, float]


CASES = (
    Case(
        behaviour="what grows steadily is full when the rest is used up at the same pace",
        panel="Used, limit and time to full",
        query=3,
        series={f'storekeeper:usage:ratio{{{HERE}, resource="media", area="media"}}': "0+0.0005x1000"},
        minutes=1000,
        expected={f'{{{HERE}, resource="media"}}': 60_000},
    ),
    Case(
        behaviour="what shrinks or stands still takes a year or more",
        panel="Used, limit and time to full",
        query=3,
        series={
            f'storekeeper:usage:ratio{{{HERE}, resource="logs", area="logs"}}': "0.9-0.0001x1000",
            f'storekeeper:usage:ratio{{{HERE}, resource="storage"}}': "0.5x1000",
        },
        minutes=1000,
        expected={
            f'{{{HERE}, resource="logs"}}': YEAR_SECONDS,
            f'{{{HERE}, resource="storage"}}': YEAR_SECONDS,
        },
    ),
    Case(
        behaviour="what is over its limit takes no time",
        panel="Used, limit and time to full",
        query=3,
        series={f'storekeeper:usage:ratio{{{HERE}, resource="database", database="default"}}': "1.1+0.1x60"},
        expected={f'{{{HERE}, resource="database", name="default"}}': 0},
    ),
    Case(
        behaviour="the limit of a disk is used and available together, and what has no limit is left out",
        panel="Used, limit and time to full",
        query=1,
        series={
            f'storekeeper:usage:ratio{{{HERE}, resource="disk", mountpoint="/"}}': "0.3x60",
            f'storekeeper:usage:ratio{{{HERE}, resource="media", area="media"}}': "0.5x60",
            f'storekeeper_disk_used_bytes{{{HERE}, mountpoint="/"}}': "30x60",
            f'storekeeper_disk_available_bytes{{{HERE}, mountpoint="/"}}': "70x60",
            f'storekeeper_area_limit_bytes{{{HERE}, area="media"}}': "500x60",
            f'storekeeper_area_limit_bytes{{{HERE}, area="unknown"}}': "500x60",
        },
        expected={
            f'{{{HERE}, resource="disk", name="/"}}': 100,
            f'{{{HERE}, resource="media"}}': 500,
        },
    ),
    Case(
        behaviour="a kind of which no complete backup exists is counted",
        panel="Kinds without a backup",
        series={
            f'storekeeper_backups{{{HERE}, kind="database"}}': "3x60",
            f'storekeeper_backups{{{HERE}, kind="media"}}': "0x60",
            f'storekeeper_backup_last_success_timestamp_seconds{{{HERE}, kind="database"}}': "1x60",
        },
        expected={"{}": 1},
    ),
    Case(
        behaviour="an alert about a missing target counts without an instance; others' alerts do not",
        panel="Alerts that fire",
        query=1,
        series={
            'ALERTS{alertname="StorageUsageEmergency", alertstate="firing", level="emergency"}': "1x60",
            'ALERTS{alertname="StorekeeperDown", alertstate="firing", severity="critical"}': "1x60",
            'ALERTS{alertname="DiskFilesRunningOut", alertstate="pending", severity="critical"}': "1x60",
            'ALERTS{alertname="SomethingElse", alertstate="firing", severity="critical"}': "1x60",
        },
        expected={"{}": 1},
    ),
    Case(
        behaviour="without any alert the number is 0, not empty",
        panel="Alerts that fire",
        series={"up": "1x60"},
        expected={"{}": 0},
    ),
    Case(
        behaviour="what is down is shown with its shop, whatever its job is called",
        panel="Services",
        series={
            'storekeeper:target:seen{job="any", shop="s", instance="a"}': "1x30 stale",
            'storekeeper:target:seen{job="any", shop="t", instance="b"}': "1x60",
            'up{job="any", instance="a"}': "1x30 0x30",
            'up{job="any", instance="b"}': "1x60",
            'up{job="node", instance="a"}': "1x60",
        },
        expected={'{job="any", shop="s", instance="a"}': 0, '{job="any", shop="t", instance="b"}': 1},
    ),
    Case(
        behaviour="growth is divided by each 100 orders that came in",
        uid="storekeeper-databases",
        panel="Growth per 100 orders",
        series={
            f'storekeeper_database_size_bytes{{{HERE}, database="default"}}': "1000000+10000x60",
            f"storekeeper_orders{{{HERE}}}": "500+2x60",
        },
        expected={f'{{{HERE}, database="default"}}': 500_000},
    ),
    Case(
        behaviour="expired and orphaned QR codes are to clean, live ones not; a second job doubles none",
        uid="storekeeper-media",
        panel="QR codes to clean",
        series={
            f'storekeeper_qr_codes{{{HERE}, job="{job}", kind="payment", state="{state}"}}': values
            for job in ("one", "two")
            for state, values in (("live", "100x60"), ("expired", "20x60"), ("orphaned", "3x60"))
        },
        expected={f'{{{HERE}, kind="payment"}}': 23},
    ),
    Case(
        behaviour="runs in the shown time are whole numbers and keep the action's name",
        uid="storekeeper-actions",
        panel="Actions",
        series={f'storekeeper_action_runs_total{{{HERE}, action="rotate_logs"}}': "0x30 1x20"},
        expected={f'{{{HERE}, action="rotate_logs"}}': 1},
    ),
)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.behaviour)
def test_the_panel_shows_the_right_figure(case: Case, tmp_path: Path) -> None:
    """promtool gets the expected figure from the panel's query."""
    expressions = [
        expression for title, expression in panel_queries(DASHBOARDS[case.uid]) if title == case.panel
    ]
    series = [{"series": name, "values": values} for name, values in case.series.items()]
    asked = {
        "expr": f"round({expressions[case.query]}, 0.001)",  # a slope's last digits are a float's
        "eval_time": f"{case.minutes}m",
        "exp_samples": [{"labels": labels, "value": value} for labels, value in case.expected.items()],
    }
    file = tmp_path / "test.yml"
    test = {"interval": "1m", "input_series": series, "promql_expr_test": [asked]}
    file.write_text(yaml.safe_dump({"evaluation_interval": "1m", "tests": [test]}))
    promtool = shutil.which("promtool")
    assert promtool, "promtool is needed: apt-get install prometheus"
    done = subprocess.run([promtool, "test", "rules", file], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
