"""A clock far ahead, in real processes: from cron, at boot, in a running receiver, in shops of two sizes."""

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import requests

from storekeeper.config import load_config
from tests.actions.conftest import keep

pytestmark = pytest.mark.thorough

# Under libfaketime a sleep of newer Pythons never ends, or ends at once.
SLEEP = "import select, time\ntime.sleep = lambda seconds: select.select([], [], [], max(0.0, seconds))\n"
LIBRARY = "/usr/lib/{machine}-linux-gnu/faketime/libfaketimeMT.so.1"
DAY = 86400

EXPIRE = """
import datetime
from django.utils import timezone
from app.models import OrderQRCode
some = list(OrderQRCode.objects.order_by("pk").values_list("pk", flat=True)[:5])
OrderQRCode.objects.filter(pk__in=some).update(expires_at=timezone.now() - datetime.timedelta(days=9))
result = 1
"""
ROWS = "from app.models import OrderQRCode\nresult = OrderQRCode.objects.count()"


class Faked:
    """The environment of processes whose clock is as far ahead as ``set_days`` says, also while they run."""

    def __init__(self, folder: Path) -> None:
        self._file = folder / "faketime"
        modules = folder / "modules"
        modules.mkdir()
        (modules / "sitecustomize.py").write_text(SLEEP)
        self.set_days(0)
        self.environment = {
            **os.environ,
            "LD_PRELOAD": LIBRARY.format(machine=os.uname().machine),
            "FAKETIME_TIMESTAMP_FILE": str(self._file),
            "FAKETIME_NO_CACHE": "1",
            "FAKETIME_DONT_FAKE_MONOTONIC": "1",
            "PYTHONPATH": str(modules),
        }

    def set_days(self, days: int) -> None:
        partial = self._file.with_suffix(".partial")
        partial.write_text(f"+{days * DAY}\n")
        partial.replace(self._file)


@pytest.fixture
def faked(tmp_path: Path) -> Faked:
    """A clock that a test sets for other processes."""
    return Faked(tmp_path)


@pytest.fixture(params=[30, 600], ids=["small", "large"])
def keeper(request: Any, make_shop: Callable[..., Any], tmp_path: Path) -> Any:
    """A shop with five codes that expired long ago, an orphan, and an old log archive."""
    keeper = keep(make_shop(orders=request.param, options=("--expired-share=0",)), tmp_path / "state")
    (tmp_path / "logs").mkdir()
    path = keeper.config.state / "storekeeper.yml"
    path.write_text(path.read_text().replace("areas: {", f"areas: {{logs: {{path: {tmp_path}/logs}}, "))
    keeper.config = load_config(path, environment={})
    keeper.shop.evaluate(EXPIRE)
    keeper.write("products/orphan.jpg", days=30)
    return keeper


@pytest.fixture
def receiver(keeper: Any, faked: Faked) -> Iterator[Callable[[], str]]:
    """``receiver()``: start one by the faked clock and give its address."""
    started: list[subprocess.Popen[bytes]] = []

    def start() -> str:
        log = keeper.config.state / "receiver.log"
        command = [sys.executable, "-m", "storekeeper", "receiver", "--web.listen-address=127.0.0.1:0"]
        command += ["--config.file", str(keeper.config.state / "storekeeper.yml")]
        with log.open("wb") as stream:
            started.append(subprocess.Popen(command, env=faked.environment, stderr=stream))
        for _ in range(1500):
            for line in log.read_text().splitlines():
                if "listening on port " in line:
                    return f"http://127.0.0.1:{line.split('listening on port ')[1].split()[0]}"
            time.sleep(0.2)
        pytest.fail(log.read_text())

    yield start
    for process in started:
        process.kill()
        process.wait()


def run(keeper: Any, url: str, action: str) -> dict[str, Any]:
    """Start a run by the receiver and wait for its end."""
    token = (keeper.config.state / "receiver-token").read_text().strip()
    headers = {"Authorization": f"Bearer {token}"}
    answer = requests.post(f"{url}/api/v1/runs", json={"action": action}, headers=headers, timeout=120)
    number = answer.json()["id"]
    for _ in range(1500):
        answer = requests.get(f"{url}/api/v1/runs/{number}", headers=headers, timeout=120)
        found: dict[str, Any] = answer.json()
        if found["state"] in ("done", "failed", "waiting"):
            return found
        time.sleep(0.2)
    pytest.fail(json.dumps(found))


@pytest.mark.parametrize("days", [2, 730, 29_220])
@pytest.mark.parametrize("known", [False, True])
def test_from_cron(keeper: Any, faked: Faked, days: int, known: bool) -> None:
    """Each action ends with code 1 and names the witnesses; nothing has gone."""

    def command(*words: str) -> "subprocess.CompletedProcess[str]":
        line = [sys.executable, "-m", "storekeeper", *words]
        line += ["--config.file", str(keeper.config.state / "storekeeper.yml")]
        return subprocess.run(
            line, env=faked.environment, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=300
        )

    if known:
        assert command("backup_database").returncode == 0
        assert command("check-clock").returncode == 0
    files, rows = keeper.files(), keeper.shop.evaluate(ROWS)
    faked.set_days(days)
    for action in ("cleanup_expired_qr_codes", "cleanup_orphaned_media"):
        done = command(action)
        assert done.returncode == 1, done.stdout
        assert f"is {days} days old" in done.stderr
        assert "storekeeper check-clock --is-right" in done.stderr
    assert (files, rows) == (keeper.files(), keeper.shop.evaluate(ROWS))


@pytest.mark.parametrize("days", [2, 730, 29_220])
@pytest.mark.parametrize("when", ["boot", "while it runs"])
def test_in_a_receiver(keeper: Any, faked: Faked, receiver: Callable[[], str], days: int, when: str) -> None:
    """Whether the machine starts with a wrong clock or it jumps later."""
    files, rows = keeper.files(), keeper.shop.evaluate(ROWS)
    if when == "boot":
        faked.set_days(days)
    url = receiver()
    faked.set_days(days)
    for action in ("cleanup_expired_qr_codes", "cleanup_orphaned_media"):
        found = run(keeper, url, action)
        assert found["state"] == "failed", found
        assert "removes nothing: the clock may be wrong" in found["error"]
        assert f"{days} days" in found["error"]
        assert ("by itself" in found["error"]) == (when != "boot")
    assert (files, rows) == (keeper.files(), keeper.shop.evaluate(ROWS))
