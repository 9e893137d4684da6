"""
The emergency on a small disk with the backups inside the total: after each step both sides measure the same.

Needs the right to mount a tmpfs, as a container's root has it.
"""

import functools
import os
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from prometheus_client.parser import text_string_to_metric_families

from actions.ledger.file import LedgerFile
from actions.ledger.history import find_run
from actions.ledger.ledger import Ledger
from actions.ledger.rows import NewRun, NewStep
from actions.ledger.schema import Trigger
from actions.playbooks import shipped_playbooks
from actions.receiver.worker import Worker
from actions.runner import now_here
from actions.table import ACTIONS
from exporter.measuring import Measuring
from exporter.page import Page
from storekeeper.config import Config, load_config
from storekeeper.measure.resources import Resource
from storekeeper.measure.usage import UsageReader
from storekeeper.shop import KnownShop, Shop
from storekeeper.stack.demonstration import DemonstrationShop
from tests.e2e.test_emergency import MAKES_ROOM, NEEDS_ROOM, age_backups, storekeeper

pytestmark = pytest.mark.e2e

MB = 1_000_000
DISK_BYTES = 150 * MB
FULL = 0.97


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    """A filesystem of its own that is gone afterwards."""
    folder = tmp_path / "disk"
    folder.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={DISK_BYTES}", "tmpfs", folder], check=True)
    yield folder
    subprocess.run(["umount", "--lazy", folder], check=True)


@pytest.fixture
def shop_on_disk(disk: Path, tmp_path: Path) -> tuple[Path, Path]:
    """The sample shop on the small disk, its backups of two weeks, all verified: config and project."""
    shop = DemonstrationShop(disk)
    shop.build()
    config_file = tmp_path / "storekeeper.yml"
    shop.write_config(config_file, state=tmp_path / "state", token_file=tmp_path / "token")
    storekeeper("backup_database", "--verify", "--config.file", config_file)
    age_backups(shop.project / "backups", days=range(3, 16))
    return config_file, shop.project


def with_total(config_file: Path, limit: int) -> Config:
    """Return the config with another limit of all together, and none for media."""
    lines = [
        f"total: {{limit: {limit}}}" if line.startswith("total:") else line
        for line in config_file.read_text().splitlines()
    ]
    config_file.write_text("\n".join(lines) + "\n")
    return load_config(config_file)


@functools.cache
def shop_of(project: Path) -> KnownShop:
    """Return the shop, asked once in a test: what it says of itself does not change."""
    return KnownShop(Shop(project).describe)


def reader_of(config: Config) -> UsageReader:
    """Return what the receiver measures with."""
    return UsageReader(config, describe=shop_of(config.project))


def by_exporter(config: Config, disk: Path) -> dict[str, tuple[int, int]]:
    """Return used and capacity of the total, of the backups and of the disk by a page of the exporter."""
    measuring = Measuring(config, describe=shop_of(config.project))
    for job in measuring.jobs:
        if job.name in ("the shop", "storage") or job.name.startswith("scan of "):
            job.run_once()
    only = ("areas", "disks", "storage")
    page, _ = Page(
        measuring.scraper, shop=config.shop, timeout_seconds=20, process_families=False, only=only
    ).encode("")
    values: dict[tuple[str, str | None], int] = {}
    for family in text_string_to_metric_families(page.decode()):
        for sample in family.samples:
            about = sample.labels.get("area") or sample.labels.get("mountpoint")
            values[sample.name.removeprefix("storekeeper_"), about] = int(sample.value)
    measuring.stop()
    used, free = values["disk_used_bytes", str(disk)], values["disk_available_bytes", str(disk)]
    return {
        "storage": (values["storage_size_bytes", None], values["storage_limit_bytes", None]),
        "media": (values["area_size_bytes", "media"], values["area_limit_bytes", "media"]),
        f"disk:{disk}": (used, used + free),
    }


def by_receiver(config: Config, disk: Path) -> dict[str, tuple[int, int]]:
    """Return the same by the receiver's own measurement."""
    reader = reader_of(config)
    resources = [Resource(kind="storage"), Resource(kind="media"), Resource(kind="disk", name=str(disk))]
    found = {str(resource): reader.read(resource) for resource in resources}
    return {name: (usage.used_bytes, usage.capacity_bytes) for name, usage in found.items() if usage}


def run_emergency(config: Config, *, resource: str, after_step: Callable[[int], None]) -> dict[str, Any]:
    """Carry the shipped playbook out step by step as the receiver does, and return the run."""
    ledger = Ledger(LedgerFile(config.state), now=now_here)
    playbook = shipped_playbooks()["disk_emergency"]
    run = ledger.accept(
        NewRun(
            trigger=Trigger.ALERT,
            who="Alertmanager",
            playbook="disk_emergency",
            alertname=playbook.alert,
            resource=resource,
            until_below=playbook.until_below,
            steps=[NewStep(action=step.action, options=step.options) for step in playbook.steps],
        )
    )
    assert run is not None
    worker = Worker(ledger, config=config, actions=ACTIONS, usage=reader_of(config), stopping=lambda: False)
    for position in range(len(playbook.steps)):
        worker.carry_out(run, position)
        after_step(position)
    found = find_run(ledger.file, run)
    ledger.file.close()
    assert found is not None
    return found


def states(run: dict[str, Any]) -> dict[str, str]:
    """Return action → state of its step."""
    return {step["action"]: step["state"] for step in run["steps"]}


def test_backups_in_the_total_are_measured_by_both_sides(disk: Path, shop_on_disk: tuple[Path, Path]) -> None:
    """At 97 % both sides agree after each step, and the run ends below the mark, or failed and says so."""
    config_file, _ = shop_on_disk
    total = by_receiver(with_total(config_file, 10**12), disk)["storage"][0]
    config = with_total(config_file, round(total / FULL))
    seen: list[dict[str, tuple[int, int]]] = []

    def compare(_position: int) -> None:
        seen.append(by_receiver(config, disk))
        assert by_exporter(config, disk) == seen[-1]

    compare(-1)
    run = run_emergency(config, resource="storage", after_step=compare)
    used, limit = seen[-1]["storage"]
    assert states(run).keys() == {*MAKES_ROOM, *NEEDS_ROOM}
    if used < 0.85 * limit:
        assert "done" == run["state"], run["error"]
    else:
        assert "failed" == run["state"]
        assert "is still" in run["error"]
        assert {"skipped"} == {states(run)[action] for action in NEEDS_ROOM}


def test_what_nobody_may_remove_keeps_the_total_full(disk: Path, shop_on_disk: tuple[Path, Path]) -> None:
    """A dump by hand among the backups counts on both sides: nothing that needs space runs."""
    config_file, project = shop_on_disk
    (project / "backups" / "before-the-move.sql.gz").write_bytes(os.urandom(60 * MB))
    total = by_receiver(with_total(config_file, 10**12), disk)["storage"][0]
    config = with_total(config_file, round(total / FULL))
    before = sorted(path.name for path in (project / "backups").iterdir())

    def compare(_position: int) -> None:
        assert by_exporter(config, disk) == by_receiver(config, disk)

    run = run_emergency(config, resource="storage", after_step=compare)
    assert "failed" == run["state"]
    assert "storage is still" in run["error"]
    assert {"skipped"} == {states(run)[action] for action in NEEDS_ROOM}
    assert {*before} >= {path.name for path in (project / "backups").iterdir() if path.is_file()}
