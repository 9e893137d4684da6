"""``storekeeper up``: starts four services, tells where they are, and ends them all together."""

import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest
import requests

pytestmark = [pytest.mark.e2e, pytest.mark.xdist_group("loop")]

PATIENCE_SECONDS = 180.0


def start(*words: str, folder: Path) -> subprocess.Popen[str]:
    """Start the command in a folder; its output can be read line by line."""
    return subprocess.Popen(
        [sys.executable, "-P", "-m", "storekeeper", "up", *words],
        cwd=folder,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        env={**os.environ, "PYTHONUNBUFFERED": "1"},
    )


def read_until(process: subprocess.Popen[str], word: str) -> list[str]:
    """Read lines up to one that has the word."""
    assert process.stdout
    lines: list[str] = []
    for line in process.stdout:
        lines.append(line)
        if word in line:
            return lines
    raise AssertionError(f"{word!r} did not come:\n{''.join(lines)}")


def children_of(process: subprocess.Popen[str]) -> list[psutil.Process]:
    """Give everything that the command has started."""
    return psutil.Process(process.pid).children(recursive=True)


def wait_gone(processes: list[psutil.Process]) -> list[psutil.Process]:
    """Give those that still live after a while."""
    _, alive = psutil.wait_procs(processes, timeout=30)
    return list(alive)


def done_actions(alertmanager: str) -> list[str]:
    """Give the actions whose success this Alertmanager was told."""
    alerts = requests.get(f"{alertmanager}/api/v2/alerts", timeout=30).json()
    labels = [alert["labels"] for alert in alerts]
    return [one["action"] for one in labels if one["alertname"] == "StorageActionDone"]


def checklist(config_file: Path) -> str:
    """Type the monthly checklist while the loop runs."""
    done = subprocess.run(
        [sys.executable, "-P", "-m", "storekeeper", "checklist", "--monthly", "--config.file", config_file],
        capture_output=True, text=True, timeout=PATIENCE_SECONDS, check=False,
    )  # fmt: skip
    return " ".join(done.stdout.split())


def test_demonstration_ends_by_itself_when_asked(tmp_path: Path) -> None:
    """
    ``--demo --exit`` shows alert, run and resolution, and leaves nothing running.

    Without a key in the config the outcome comes to the Alertmanager that runs beside, and the checklist asks
    the Prometheus there.
    """
    process = start("--demo", "--exit", folder=tmp_path)
    lines = read_until(process, "freed")
    while "cleanup_expired_qr_codes" not in lines[-1]:
        lines += read_until(process, "freed")
    # The services go on, but nothing ends before we have seen them.
    process.send_signal(signal.SIGSTOP)
    try:
        alertmanager = re.search(r"Alertmanager +(http://\S+)", "".join(lines))
        assert alertmanager
        while "cleanup_expired_qr_codes" not in done_actions(alertmanager[1]):
            time.sleep(0.1)
        config_file = tmp_path / "storekeeper-demo" / "storekeeper.yml"
        assert "Prometheus does not remember a month yet" in checklist(config_file)
    finally:
        process.send_signal(signal.SIGCONT)
    text = "".join(lines + read_until(process, "the loop has closed"))
    assert 0 == process.wait(PATIENCE_SECONDS)
    for part in (
        r"Prometheus +http://127\.0\.0\.1:\d+",
        r"receiver +http://127\.0\.0\.1:\d+",
        r"alert +StorageUsageWarning \(media\) is firing",
        r"run +cleanup_expired_qr_codes .*done, .* freed",
        r"alert +StorageUsageWarning \(media\) is resolved",
    ):
        assert re.search(part, text), f"{part} is not in:\n{text}"
    token = (tmp_path / "storekeeper-demo" / "loop" / "token").read_text()
    assert token not in text
    assert (tmp_path / "storekeeper-demo" / "loop" / "token").stat().st_mode & 0o077 == 0


@pytest.mark.parametrize("number", [signal.SIGTERM, pytest.param(signal.SIGINT, marks=pytest.mark.thorough)])
def test_stop_ends_every_service(number: int, tmp_path: Path) -> None:
    """Ctrl-C or a service manager's stop ends all four services and the command, cleanly."""
    process = start("--demo", folder=tmp_path)
    read_until(process, "receiver ")
    children = children_of(process)
    assert 4 <= len(children)
    process.send_signal(number)
    assert 0 == process.wait(PATIENCE_SECONDS)
    assert [] == wait_gone(children)


def test_death_of_one_ends_all(tmp_path: Path) -> None:
    """A service that dies takes the others with it, and the command says which it was and fails."""
    process = start("--demo", folder=tmp_path)
    read_until(process, "receiver ")
    children = children_of(process)
    victim = next(child for child in children if "prometheus.yml" in " ".join(child.cmdline()))
    victim.kill()
    output, _ = process.communicate(timeout=PATIENCE_SECONDS)
    assert 1 == process.returncode
    assert "prometheus ended with code -9" in output
    assert [] == wait_gone(children)


def test_second_loop_gets_other_ports(tmp_path: Path) -> None:
    """Two loops on one machine do not disturb each other; a folder of somebody else is left alone."""
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "letter.txt").write_text("keep")
    done = subprocess.run(
        [sys.executable, "-P", "-m", "storekeeper", "up", "--demo", "--state", "mine"],
        cwd=tmp_path, capture_output=True, text=True, timeout=60,
    )  # fmt: skip
    assert 2 == done.returncode
    assert "not a demonstration" in done.stderr
    assert "keep" == (tmp_path / "mine" / "letter.txt").read_text()
    first, second = (start("--demo", "--state", name, folder=tmp_path) for name in ("one", "two"))
    try:
        ports = [
            set(re.findall(r"127\.0\.0\.1:(\d+)", "".join(read_until(p, "receiver "))))
            for p in (first, second)
        ]
        assert set() == ports[0] & ports[1]
    finally:
        for process in (first, second):
            process.terminate()
            process.wait(PATIENCE_SECONDS)
