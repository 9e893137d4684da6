"""A receiver to be killed, the real Alertmanager that sends to it, and a forwarder between the two."""

import http.client
import importlib.util
import json
import os
import signal
import sqlite3
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import closing, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
import requests
import yaml

from actions.playbooks import shipped_playbooks
from storekeeper.stack.ports import PortClaims

PROGRAM = Path(__file__).with_name("killed_receiver.py")
STEPS = 3


class Forwarder(ThreadingHTTPServer):
    """
    Hands Alertmanager's messages on to the receiver and its answers back, and counts both.

    A receiver that does not answer is to Alertmanager what it is to us: a connection that ends.
    """

    daemon_threads = True

    def __init__(self, receiver_port: int, *, token_file: Path) -> None:
        super().__init__(("127.0.0.1", 0), _Forwarding)
        self.receiver_port = receiver_port
        self.token_file = token_file
        self.lock = threading.Lock()
        self.in_flight = 0
        self.sent = threading.Event()
        self.answered = threading.Event()
        self.deliveries: Counter[tuple[str, str]] = Counter()
        """How often (number, status) was answered with 202."""
        self.statuses: Counter[str] = Counter()

    def accepted(self, number: str) -> int:
        """Give how often a message about this alert was answered with 202."""
        with self.lock:
            return self.deliveries[number, "firing"] + self.deliveries[number, "resolved"]


class _Forwarding(BaseHTTPRequestHandler):
    server: Forwarder

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["content-length"]))
        alerts = [(alert["labels"]["number"], alert["status"]) for alert in json.loads(body)["alerts"]]
        forwarder = self.server
        with forwarder.lock:
            forwarder.in_flight += 1
        status, answer = 0, b""
        connection = http.client.HTTPConnection("127.0.0.1", forwarder.receiver_port, timeout=30)
        try:
            connection.putrequest("POST", self.path)
            connection.putheader("content-type", "application/json")
            connection.putheader("authorization", f"Bearer {forwarder.token_file.read_text().strip()}")
            connection.putheader("content-length", str(len(body)))
            connection.endheaders()
            forwarder.sent.set()
            connection.send(body)
            response = connection.getresponse()
            answer = response.read()
            status = response.status
        except (OSError, http.client.HTTPException):
            # It was killed, or does not listen yet.
            self.close_connection = True
        finally:
            connection.close()
            with forwarder.lock:
                forwarder.in_flight -= 1
                forwarder.statuses[str(status or "no answer")] += 1
                if status == 202:
                    forwarder.deliveries.update(alerts)
        if status:
            forwarder.answered.set()
            # An Alertmanager that has waited too long has hung up, and sends again.
            with suppress(OSError):
                self.send_response(status)
                self.send_header("content-length", str(len(answer)))
                self.end_headers()
                self.wfile.write(answer)

    def log_message(self, format: str, *arguments: object) -> None:
        """Say nothing: what happened is counted."""


@dataclass
class Victim:
    """The receiver, its state as seen from outside, and the journal of what its steps did."""

    config_file: Path
    port: int
    process: subprocess.Popen[bytes] | None = None
    log: Path = field(init=False)

    def __post_init__(self) -> None:
        self.log = self.config_file.with_name("receiver.log")

    def start(self) -> None:
        """Start it; it need not answer yet."""
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                [sys.executable, PROGRAM, self.config_file],
                stderr=log,
                env={**os.environ, "PYTHONPATH": str(PROGRAM.parent.parent)},
            )

    def wait_until_up(self) -> None:
        """Return when it is ready."""
        deadline = time.monotonic() + 60
        while not _answers(f"http://127.0.0.1:{self.port}"):
            assert self.process and self.process.poll() is None, self.log.read_text()[-5000:]
            assert time.monotonic() < deadline
            time.sleep(0.01)

    def kill(self) -> None:
        """End it as a power cut of the process would."""
        assert self.process
        self.process.kill()
        self.process.wait()

    def terminate(self) -> None:
        """Ask it to end."""
        assert self.process
        self.process.send_signal(signal.SIGTERM)

    def ledger(self, question: str, *values: object) -> list[sqlite3.Row]:
        """Ask the ledger."""
        return self._ask("ledger.sqlite3", question, *values)

    def engine(self, question: str, *values: object) -> list[sqlite3.Row]:
        """Ask the engine's own file; nothing while it has no tables yet."""
        try:
            return self._ask("dbos.sqlite3", question, *values)
        except sqlite3.OperationalError:
            return []

    def _ask(self, name: str, question: str, *values: object) -> list[sqlite3.Row]:
        with closing(sqlite3.connect(self.config_file.parent / "state" / name, timeout=30)) as connection:
            connection.row_factory = sqlite3.Row
            return connection.execute(question, values).fetchall()

    def journal(self) -> list[tuple[str, str]]:
        """Give (what happened, run and step) in order; a removal's step is followed by the file."""
        path = self.config_file.with_name("journal.txt")
        lines = path.read_text().splitlines() if path.exists() else []
        return [(what, rest) for what, _, rest in (line.partition(" ") for line in lines)]


@dataclass
class Battlefield:
    """All that takes part. ``post`` makes Alertmanager fire or resolve an alert."""

    folder: Path
    victim: Victim
    forwarder: Forwarder
    alertmanager: Any

    def post(self, area: str, number: int, *, resolved: bool = False) -> None:
        """Tell Alertmanager about an alert."""
        labels = {"alertname": "AreaFull", "shop": "victim", "area": area, "number": str(number)}
        (self.alertmanager.resolve if resolved else self.alertmanager.post)(labels)


@pytest.fixture
def moments() -> dict[str, Callable[..., None]]:
    """When to kill, by name."""
    spec = importlib.util.spec_from_file_location("moments", Path(__file__).with_name("moments.py"))
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    found: dict[str, Callable[..., None]] = module.MOMENTS
    return found


@pytest.fixture
def areas(thorough: bool) -> tuple[str, ...]:
    """The areas that can fill up, each once: within the cooldown no second run is begun for one."""
    return tuple(f"area{number}" for number in range(1600 if thorough else 48))


@pytest.fixture
def battlefield(
    tmp_path: Path, areas: tuple[str, ...], start_alertmanager: Callable[[str], Any]
) -> Iterator[Battlefield]:
    """A config with a playbook of three steps for each area, an Alertmanager, and no receiver yet."""
    claims = PortClaims()
    # Not one that the system gives to others while the receiver is dead.
    port = next(port for port in range(19732, 19932) if claims.claim(port) == port)
    for area in areas:
        (tmp_path / area).mkdir()
    config_file = tmp_path / "storekeeper.yml"
    config_file.write_text(yaml.safe_dump(_config(tmp_path, areas=areas, port=port)))
    forwarder = Forwarder(port, token_file=tmp_path / "state" / "receiver-token")
    threading.Thread(target=forwarder.serve_forever, daemon=True).start()
    victim = Victim(config_file, port)
    alertmanager = start_alertmanager(f"http://127.0.0.1:{forwarder.server_port}/api/v1/alerts")
    yield Battlefield(folder=tmp_path, victim=victim, forwarder=forwarder, alertmanager=alertmanager)
    if victim.process:
        victim.kill()
    forwarder.shutdown()
    forwarder.server_close()


def _config(folder: Path, *, areas: tuple[str, ...], port: int) -> dict[str, Any]:
    playbooks: dict[str, Any] = dict.fromkeys(shipped_playbooks())
    for area in areas:
        playbooks[f"empty_{area}"] = {
            "alert": "AreaFull",
            "resource": [area],
            "steps": [
                {"action": "remove_slowly", "options": {"area": area, "names": f"*-{step}-*", "step": step}}
                for step in range(STEPS)
            ],
        }
    return {
        "shop": "victim",
        "project": str(folder),
        "state": str(folder / "state"),
        "areas": {area: {"path": area, "limit": 1000} for area in areas},
        "receiver": {"listen": f"127.0.0.1:{port}", "runs_per_day": 100_000},
        "playbooks": playbooks,
    }


def _answers(url: str) -> bool:
    try:
        return requests.get(f"{url}/-/ready", timeout=5).ok
    except requests.RequestException:
        return False
