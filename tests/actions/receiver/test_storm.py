"""Many alerts at once, by the sender of the benchmark."""

import importlib.util
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any
from urllib.parse import urlsplit

import pytest

from actions.ledger.file import LedgerFile

STORM = Path(__file__).resolve().parents[3] / "benchmarks" / "storm.py"
Make = Callable[..., dict[str, Any]]


@pytest.fixture(scope="module")
def storm() -> Iterator[ModuleType]:
    """The benchmark's sender."""
    spec = importlib.util.spec_from_file_location("storm", STORM)
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    sys.modules["storm"] = module
    spec.loader.exec_module(module)
    yield module
    del sys.modules["storm"]


def test_storm_loses_nothing_and_acts_once(
    start_receiver: Any, storm: ModuleType, alert: Make, config_file: Path, tmp_path: Path, thorough: bool
) -> None:
    """Each of many distinct alerts is accepted and in the ledger, and each resource is acted on once."""
    config_file.write_text(config_file.read_text().replace("runs_per_day: 3", "runs_per_day: 1"))
    receiver = start_receiver()
    count, seconds = (10_000, 60) if thorough else (400, 2)
    names = (("StorageUsageWarning", {"resource": "media"}), ("SlowAlert", {}), ("FailingAlert", {}))
    alerts = [
        alert(name, instance=str(number), **labels)
        for number in range(count)
        for name, labels in [names[number % len(names)]]
    ]
    token = urlsplit(receiver.url).password
    result = storm.send_storm(f"{receiver.url}/api/v1/alerts", alerts=alerts, seconds=seconds, token=token)
    assert {202: count} == result.statuses
    with LedgerFile(tmp_path / "state").read() as connection:
        rows = connection.execute("SELECT fingerprint FROM alerts").fetchall()
    assert sorted(one["fingerprint"] for one in alerts) == sorted(row["fingerprint"] for row in rows)
    runs = receiver.runs()
    assert ["FailingAlert", "SlowAlert", "StorageUsageWarning"] == sorted(run["alertname"] for run in runs)
    for run in runs:
        receiver.wait_for(run["id"], "done", "failed")
    told = [line.partition(" begins")[0] for line in (tmp_path / "told.txt").read_text().splitlines()]
    begun = [line for line in told if " ends " not in line]
    assert [
        "remove_files",
        "write_batches first",
        "write_batches second",
        "write_batches third",
    ] == sorted(begun)
    assert count == receiver.metric("storekeeper_alerts_received_total")
