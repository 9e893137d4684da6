"""
A small disk filled to 97 %: real Prometheus and Alertmanager fire, and the receiver makes room in order.

Needs the right to mount a tmpfs, as a container's root has it.
"""

import datetime as dt
import hashlib
import itertools
import json
import os
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import yaml

from actions.backups.manifest import write_manifest
from actions.logs.member import Mark, MemberWriter
from actions.media.quarantine import Quarantine
from storekeeper.backups import KINDS, find_backups
from storekeeper.config import load_config
from storekeeper.files import Tree
from storekeeper.files.tree import TRASH
from storekeeper.stack.demonstration import DemonstrationShop
from storekeeper.stack.loop import DEMONSTRATION_PACE, Loop, Pace
from storekeeper.stack.observe import Observation

pytestmark = [pytest.mark.e2e, pytest.mark.xdist_group("loop")]

MB = 1_000_000
DISK_BYTES = 200 * MB
FULL = 0.97
ENOUGH = 0.85
# The budget is spent after two runs, a second apart.
IMPATIENT = "receiver: {token_file: TOKEN, cooldown: 1s, runs_per_day: 2}"
MAKES_ROOM = ["cleanup_expired_qr_codes", "rotate_logs", "prune_backups", "cleanup_orphaned_media"]
NEEDS_ROOM = ["backup_database", "optimize_database"]


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A filesystem of its own that is gone afterwards, whatever still uses it."""
    disk = tmp_path / "disk"
    disk.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={DISK_BYTES}", "tmpfs", disk], check=True)
    yield disk
    subprocess.run(["umount", "--lazy", disk], check=True)


def ratio(disk: Path) -> float:
    """Give how full the disk is, as df counts."""
    status = os.statvfs(disk)
    used = status.f_blocks - status.f_bfree
    return used / (used + status.f_bavail)


def fill_to(disk: Path, share: float) -> None:
    """Write one file that no action may touch until the disk is so full."""
    status = os.statvfs(disk)
    missing = round(share * status.f_blocks) - (status.f_blocks - status.f_bfree)
    with (disk / "not-ours.bin").open("wb") as file:
        for _ in range(missing):
            file.write(b"x" * status.f_frsize)


def verified_backups(folder: Path) -> list[str]:
    """Give the database backups that are there in full length and whose manifest calls them verified."""
    return [found.path.name for found in find_backups(folder) if found.verified and not found.damage]


@dataclass
class Watch:
    """A thread that looks at the disk all the time; ``broken`` is what it saw that must not be."""

    disk: Path
    shop: Path
    archives: bool = True
    broken: list[str] = field(default_factory=list)
    looks: int = 0
    highest: float = 0.0
    there_is_room: bool = False
    stopped: threading.Event = field(default_factory=threading.Event)

    def __enter__(self) -> "Watch":
        self.known = self._written()
        self.thread = threading.Thread(target=self._look_on, daemon=True)
        self.thread.start()
        return self

    def __exit__(self, *error: object) -> None:
        self.stopped.set()
        self.thread.join()

    def _written(self) -> set[str]:
        """Give the names of what only a backup, a trial restore or an archived log makes."""
        # Into the trash goes what is being removed.
        backups = [path.name for path in (self.shop / "backups").iterdir() if path.name != TRASH]
        logs = [
            path.name
            for path in (self.shop / "logs").iterdir()
            if path.suffix != ".log" and path.name != TRASH
        ]
        return {*backups, *(logs if self.archives else ())}

    def _look_on(self) -> None:
        while not self.stopped.is_set():
            before = ratio(self.disk)
            new = self._written() - self.known
            if not verified_backups(self.shop / "backups"):
                self.broken.append("no verified backup is left")
            # Read before and after: what is written between the two is no reason to complain.
            if new and not self.there_is_room and before >= ENOUGH and ratio(self.disk) >= ENOUGH:
                self.broken.append(f"{sorted(new)} at {before:.1%}")
            self.there_is_room = self.there_is_room or before < ENOUGH
            self.highest = max(self.highest, before)
            self.looks += 1
            time.sleep(0.01)


def storekeeper(*words: str | Path) -> str:
    """Run the command and give what it printed."""
    done = subprocess.run(
        [sys.executable, "-m", "storekeeper", *map(str, words)], capture_output=True, text=True, timeout=120
    )
    assert 0 == done.returncode, done.stderr
    return done.stdout


def age_backups(folder: Path, *, days: range) -> None:
    """Put copies of each backup there is into the past, one for each day, and take the fresh one away."""
    for backup in [found for kind in KINDS for found in find_backups(folder, kind=kind)]:
        name, manifest = backup.path.name, backup.manifest
        stamp = name.split("_backup_")[1][:8]
        beside = [path for path in folder.iterdir() if path.name.startswith(name)]
        for day in days:
            then = manifest.created - dt.timedelta(days=day)
            date = dt.datetime.strptime(stamp, "%Y%m%d") - dt.timedelta(days=day)
            old = name.replace(stamp, f"{date:%Y%m%d}")
            for path in beside:
                shutil.copyfile(path, folder / path.name.replace(name, old))
            aged = {
                "file": old,
                "created": then,
                "verified": then,
                "sums_file": manifest.sums_file.replace(name, old),
            }
            write_manifest(folder / old, manifest.model_copy(update=aged))
        for path in beside:
            path.unlink()


def live_files(shop: DemonstrationShop) -> dict[str, str]:
    """Give name → checksum of every file that a row names and that no rule may remove."""
    code = (
        "import datetime, json\n"
        "from django.apps import apps\n"
        "from django.db.models import FileField, Q\n"
        "from django.utils import timezone\n"
        "border = timezone.now() - datetime.timedelta(days=1)\n"
        "names = set()\n"
        "for model in apps.get_models():\n"
        "    for field in model._meta.concrete_fields:\n"
        "        if isinstance(field, FileField):\n"
        "            rows = model._base_manager.all()\n"
        "            if model.__name__ == 'OrderQRCode':\n"
        "                rows = rows.filter(expires_at__gte=border)\n"
        "            names.update(rows.values_list(field.name, flat=True))\n"
        "print(json.dumps(sorted(name for name in names if name)))\n"
    )
    media = shop.project / "media"
    names = json.loads(shop.manage("shell", "--command", code).strip().splitlines()[-1])
    return {
        name: hashlib.sha256((media / name).read_bytes()).hexdigest()
        for name in names
        if (media / name).is_file()
    }


def fired(name: str, resource: str) -> Callable[[Observation], bool]:
    """Give a function that tells whether the alert fires."""

    def fires(seen: Observation) -> bool:
        return any((one.name, one.resource, one.state) == (name, resource, "firing") for one in seen.alerts)

    return fires


def emergency_runs(seen: Observation) -> list[Any]:
    """Give the ended runs of the emergency playbook, newest first."""
    return [run for run in seen.runs if run["playbook"] == "disk_emergency" and run["finished"]]


def build(disk: Path, tmp_path: Path, *, state: Path, more: str, pace: Pace) -> tuple[Any, Path, Loop]:
    """Build the shop on the disk with a config whose areas have the guide's limits."""
    shop = DemonstrationShop(disk)
    shop.build()
    config_file = tmp_path / "storekeeper.yml"
    loop = Loop(config_file, state=tmp_path / "loop", pace=pace)
    limit = shop.write_config(config_file, state=state, token_file=loop.token_file)
    text = config_file.read_text().replace(f"limit: {limit}", "limit: 500MB")
    if more:
        lines = [line for line in text.splitlines() if not line.startswith("receiver:")]
        text = "\n".join([*lines, more.replace("TOKEN", str(loop.token_file)), ""])
    config_file.write_text(text)
    loop.prepare()
    return shop, config_file, loop


def let_backups_be_asked_for_first(rules: Path) -> None:
    """Hold the alerts of a full disk back until BackupTooOld has fired, and all others for good."""
    (rules / "maintenance.yml").unlink()
    path = rules / "usage.yml"
    document = yaml.safe_load(path.read_text())
    for rule in [rule for group in document["groups"] for rule in group["rules"]]:
        if rule.get("alert", "").startswith("StorageUsage"):
            rule["for"] = "16s"
    path.write_text(yaml.safe_dump(document))


def test_full_disk_is_emptied_in_order_and_then_backed_up(
    small_disk: Path, tmp_path: Path, start_loop: Callable[..., Any]
) -> None:
    """From 97 % below 85 % step by step, a verified backup all the time, and a new one when there is room."""
    # The hard case: storekeeper's own memory lies on the disk that is full.
    shop, config_file, loop = build(
        small_disk, tmp_path, state=small_disk / "state", more="", pace=DEMONSTRATION_PACE
    )
    storekeeper("backup_database", "--verify", "--config.file", config_file)
    storekeeper("backup_media", "--config.file", config_file)
    backups, logs = shop.project / "backups", shop.project / "logs"
    age_backups(backups, days=range(3, 16))
    shop.manage("add_expired_qr_codes", f"--bytes={8 * MB}", "--days-ago=10")
    shop_name = load_config(config_file).shop
    with (logs / "django_2025_01.log.gz").open("w+b") as archive:
        member = MemberWriter(archive, mark=Mark(shop=shop_name, archive="logs/django_2025_01.log.gz"))
        member.write(os.urandom(4 * MB))
        member.close()
    os.utime(archive.name, (1738400400, 1738400400))
    quarantine = Quarantine(load_config(config_file), area="media")
    set_aside = shop.project / "media" / "products" / "gone.png"
    set_aside.write_bytes(os.urandom(16 * MB))
    with Tree(shop.project / "media") as tree:
        found = tree.find("products/gone.png")
    assert found is not None
    quarantine.set_aside(
        [found], now=dt.datetime.now(dt.UTC) - dt.timedelta(days=40), attempt=lambda _, move: move()
    )
    assert not set_aside.exists()
    newest = max(verified_backups(backups))
    live = live_files(shop)
    let_backups_be_asked_for_first(tmp_path / "loop" / "rules")
    fill_to(small_disk, FULL)

    # LogRotationOverdue fires too: its own run packs a log piece by piece, which gives more than it takes.
    with Watch(small_disk, shop.project, archives=False) as watch:
        running = start_loop(shop, config_file=config_file, loop=loop, media_limit=0)
        running.wait_until("StorageUsageEmergency fires", fired("StorageUsageEmergency", "disk"))
        seen = running.wait_until("the emergency run has ended", emergency_runs)
        (run,) = emergency_runs(seen)
        running.wait_until(
            "StorageUsageEmergency is resolved",
            lambda seen: not fired("StorageUsageEmergency", "disk")(seen),
        )
        seen = running.wait_until(
            "the backup that had to wait has run",
            lambda seen: [
                one for one in seen.runs if one["playbook"] == "database_backup" and one["state"] == "done"
            ],
        )
    (late,) = [one for one in seen.runs if one["playbook"] == "database_backup"]
    steps = [(step["action"], step["state"]) for step in run["steps"]]
    assert [(name, "done") for name in (*MAKES_ROOM, *NEEDS_ROOM)] == steps, json.dumps(run, indent=1)
    assert "done" == run["state"]
    assert watch.highest > 0.95 and watch.there_is_room and watch.looks > 100
    assert [] == watch.broken
    assert ratio(small_disk) < ENOUGH
    # It was accepted while the disk was full, and waited until there was room: the backup of the emergency
    # itself may have left it nothing to do.
    assert late["accepted"] < run["finished"] and late["finished"] >= run["steps"][3]["finished"]
    assert newest in verified_backups(backups)
    assert newest < max(verified_backups(backups))
    assert live == live_files(shop)
    assert [] == list(small_disk.rglob("*.partial"))
    assert not any(run.files() for run in quarantine.runs()) and not (logs / "django_2025_01.log.gz").exists()


@pytest.mark.thorough
def test_disk_that_cannot_be_emptied_calls_a_person(
    small_disk: Path, tmp_path: Path, start_loop: Callable[..., Any]
) -> None:
    """Where nothing may be removed the runs say so, end with ActionsExhausted, and lose nothing."""
    pace = Pace(
        interval_seconds=2, group_wait_seconds=1, group_interval_seconds=3, hold_seconds=4,
        repeat_interval_seconds=3,
    )  # fmt: skip
    shop, config_file, loop = build(small_disk, tmp_path, state=tmp_path / "state", more=IMPATIENT, pace=pace)
    storekeeper("backup_database", "--verify", "--config.file", config_file)
    storekeeper("cleanup_expired_qr_codes", "--days=1", "--config.file", config_file)
    live = live_files(shop)
    before = sorted(path for path in shop.project.rglob("*") if path.is_file() and "logs" not in path.parts)
    fill_to(small_disk, FULL)
    full = ratio(small_disk)
    # LogRotationOverdue fires too: its own run packs a log piece by piece, which gives more than it takes.
    with Watch(small_disk, shop.project, archives=False) as watch:
        running = start_loop(shop, config_file=config_file, loop=loop, media_limit=0)
        running.wait_until("StorageUsageEmergency fires", fired("StorageUsageEmergency", "disk"))
        seen = running.wait_until("ActionsExhausted fires", fired("ActionsExhausted", f"disk:{small_disk}"))
        time.sleep(3 * (pace.repeat_interval_seconds or 0))
        seen = running.observer.look()
    runs = [run for run in seen.runs if run["playbook"] == "disk_emergency"]
    assert ["failed", "failed"] == [run["state"] for run in runs]
    for run in runs:
        assert f"disk:{small_disk} is still 97." in run["error"] and "a person must make room" in run["error"]
        assert [(name, "skipped") for name in NEEDS_ROOM] == [
            (step["action"], step["state"]) for step in run["steps"][-2:]
        ]
    assert [] == watch.broken
    assert ratio(small_disk) <= full
    assert live == live_files(shop)
    after = sorted(path for path in shop.project.rglob("*") if path.is_file() and "logs" not in path.parts)
    assert before == [path for path in after if "__pycache__" not in path.parts]
    assert not any(itertools.chain(small_disk.rglob("*.partial"), (tmp_path / "state").rglob("*.partial")))
