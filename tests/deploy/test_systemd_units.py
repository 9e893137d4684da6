"""The units for systemd: systemd itself accepts them; they call actions that exist at the guide's times."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from actions.schedules import DEFAULTS
from actions.table import ACTIONS
from storekeeper.management import commands

UNITS = Path(__file__).resolve().parents[2] / "deploy" / "systemd"
TIMERS = sorted(path.name for path in UNITS.glob("*.timer"))
SERVICES = sorted(path.name for path in UNITS.glob("*.service"))
INSTALLED = "/opt/storekeeper/bin/storekeeper"
WEEKDAYS = {"0": "Sun "}


@pytest.fixture
def units(tmp_path: Path) -> Path:
    """A copy of the units whose program is the one of this interpreter."""
    program = Path(sys.executable).with_name("storekeeper")
    for path in UNITS.rglob("*.*"):
        if path.is_file():
            target = tmp_path / path.relative_to(UNITS)
            target.parent.mkdir(exist_ok=True)
            target.write_text(path.read_text("utf-8").replace(INSTALLED, str(program)), "utf-8")
    return tmp_path


def verify(folder: Path, unit: str) -> str:
    """Give what systemd-analyze says against a unit; empty when nothing."""
    done = subprocess.run(
        ["systemd-analyze", "verify", "--man=no", unit],
        cwd=folder,
        env={**os.environ, "SYSTEMD_UNIT_PATH": f"{folder}:"},
        capture_output=True,
        text=True,
    )
    return done.stderr + ("" if done.returncode == 0 else f"ended with {done.returncode}")


@pytest.mark.parametrize("unit", [*TIMERS, *(name for name in SERVICES if "@" not in name)])
def test_systemd_accepts_the_unit(units: Path, unit: str) -> None:
    """Without a word: no unknown key, no wrong value; a timer's service is checked with it."""
    assert verify(units, unit) == ""


def test_systemd_would_find_a_mistake(units: Path) -> None:
    """The check above is one: a wrong key is complained about."""
    path = units / "storekeeper-exporter.service"
    path.write_text(path.read_text("utf-8").replace("PrivateTmp=", "PrivatTmp="), "utf-8")
    assert "'PrivatTmp'" in verify(units, path.name)


@pytest.mark.parametrize("unit", SERVICES)
def test_services_are_hardened(unit: str) -> None:
    """Each service gives up its rights, sees a read-only system and runs as a user of its own."""
    text = (UNITS / unit).read_text("utf-8")
    wanted = {
        "User=storekeeper",
        "ProtectSystem=strict",
        "NoNewPrivileges=yes",
        "PrivateTmp=yes",
        "CapabilityBoundingSet=",
        "RestrictAddressFamilies=AF_UNIX AF_INET AF_INET6",
        "SystemCallFilter=@system-service",
    }
    assert wanted <= set(text.splitlines())


@pytest.mark.parametrize("timer", TIMERS)
def test_timers_follow_the_calendar_of_the_receiver(timer: str) -> None:
    """A timer starts a known command; where the receiver has a schedule for it, both agree."""
    text = (UNITS / timer).read_text("utf-8")
    (name,) = re.findall(r"^Unit=storekeeper@(\w+)\.service$", text, re.MULTILINE)
    (calendar,) = re.findall(r"^OnCalendar=(.+)$", text, re.MULTILINE)
    assert name in ACTIONS or name == "storage_info"
    assert name in ACTIONS or (Path(commands.__file__).parent / f"{name}.py").is_file()
    if name in DEFAULTS:
        minute, hour, day, _, weekday = DEFAULTS[name].split()
        date = "*-*-*" if day == "*" else f"*-*-{int(day):02}"
        assert calendar == f"{WEEKDAYS.get(weekday, '')}{date} {int(hour):02}:{int(minute):02}:00"


def test_options_are_the_guides() -> None:
    """The backup is compressed, the cleanup spares seven days."""
    options = {
        path.parent.name.split("@")[1].removesuffix(".service.d"): path.read_text("utf-8").splitlines()[1]
        for path in UNITS.glob("*.d/options.conf")
    }
    assert options == {
        "backup_database": "Environment=OPTIONS=--compress",
        "cleanup_expired_qr_codes": "Environment=OPTIONS=--days=7",
    }
