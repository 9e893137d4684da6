"""
Attacks on a receiver that runs as a process of its own; the log that it writes is looked at, too.

Guessed passwords stand in test_rate_limit.py, missing, wrong and outdated credentials and other sites in
test_access.py and test_receiver.py, slow clients and too many in tests/storekeeper/web/test_http_protocol.py,
damaged requests and messages in tests/fuzz.
"""

import http.client
import json
import re
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import requests

from actions.playbooks import shipped_playbooks
from tests.receiver_url import receiver_url

PROGRAM = Path(__file__).with_name("receiver_process.py")
JSON = {"content-type": "application/json"}
MEGABYTE = 1024 * 1024
# Of one line of the log: a moment and a level first, and nothing that a terminal would obey.
LOG_LINE = re.compile(r'ts=\S+ level=(info|warning) logger=\S+ msg=(".*"|\S+)')
Make = Callable[..., dict[str, Any]]


@dataclass
class Victim:
    """A receiver with its process and its log."""

    port: int
    process: "subprocess.Popen[str]"
    folder: Path

    @property
    def url(self) -> str:
        return receiver_url(self.folder / "state", self.port)

    @property
    def bearer(self) -> str:
        return f"Bearer {(self.folder / 'state' / 'receiver-token').read_text().strip()}"

    def send(self, body: bytes) -> requests.Response:
        return requests.post(f"{self.url}/api/v1/alerts", data=body, headers=JSON, timeout=30)

    def get(self, path: str) -> requests.Response:
        return requests.get(self.url + path, timeout=30)

    def wait_for(self, run: str) -> dict[str, Any]:
        deadline = time.monotonic() + 30
        while (found := self.get(f"/api/v1/runs/{run}").json())["state"] not in ("done", "failed"):
            assert time.monotonic() < deadline
            time.sleep(0.05)
        return dict(found)

    def peak_memory_bytes(self) -> int:
        lines = Path(f"/proc/{self.process.pid}/status").read_text().splitlines()
        return next(int(line.split()[1]) * 1024 for line in lines if line.startswith("VmHWM:"))

    def metric(self, name: str) -> float:
        lines = self.get("/metrics").text.splitlines()
        return next(float(line.split()[-1]) for line in lines if line.split("{")[0].split()[0] == name)

    def log(self) -> list[str]:
        return (self.folder / "receiver.log").read_text("utf-8").splitlines()

    def runs(self) -> list[str]:
        return [run["id"] for run in self.get("/api/v1/runs").json()["runs"]]


CONFIG = """\
shop: sample
project: {folder}
state: {folder}/state
areas: {{media: {{path: media, limit: 240}}}}
receiver: {{listen: "127.0.0.1:0", runs_per_day: 1}}
playbooks:
  sample_full:
    alert: StorageUsageWarning
    resource: [media]
    steps: [{{action: remove_files, options: {{names: "old*"}}}}]
"""


@pytest.fixture(scope="module")
def victim(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Victim]:
    """A receiver on loopback, without authentication: everything behind the door is in reach."""
    folder = tmp_path_factory.mktemp("victim")
    (folder / "media").mkdir()
    for name in ("new.png", "old.png"):
        (folder / "media" / name).write_bytes(b"n" * 100)
    switched_off = "".join(f"  {name}: null\n" for name in shipped_playbooks())
    config_file = folder / "storekeeper.yml"
    config_file.write_text(CONFIG.format(folder=folder) + switched_off)
    with (folder / "receiver.log").open("w") as log:
        process = subprocess.Popen(
            [sys.executable, str(PROGRAM), str(config_file)], stdout=subprocess.PIPE, stderr=log, text=True
        )
    assert process.stdout
    yield Victim(int(process.stdout.readline()), process, folder)
    process.kill()
    process.wait()
    process.stdout.close()


def test_hundred_megabytes_are_refused_at_once(victim: Victim) -> None:
    """A length above the limit is refused before a byte of the body; without one, after the first MiB."""
    connection = http.client.HTTPConnection("127.0.0.1", victim.port, timeout=30)
    connection.putrequest("POST", "/api/v1/alerts")
    length = ("Content-Length", str(100 * MEGABYTE))
    for name, value in (("Content-Type", "application/json"), ("Authorization", victim.bearer), length):
        connection.putheader(name, value)
    connection.endheaders()
    answer = connection.getresponse()
    assert (413, "close") == (answer.status, answer.headers["connection"])
    connection.close()
    before = victim.peak_memory_bytes()
    with pytest.raises(requests.ConnectionError):
        # Hung up on in the middle, or answered while we still send: both end the sending.
        refused = requests.post(
            f"{victim.url}/api/v1/alerts", data=iter([b" " * MEGABYTE] * 100), headers=JSON, timeout=30
        )
        raise requests.ConnectionError(f"answered {refused.status_code}")
    assert victim.peak_memory_bytes() - before < 20 * MEGABYTE
    assert 200 == victim.get("/-/ready").status_code


def test_message_of_twenty_thousand_alerts_is_taken(victim: Victim, alert: Make, message: Make) -> None:
    """A group of tens of megabytes is answered within what Alertmanager waits, in bounded memory."""
    one = {**alert("SomethingElse"), "annotations": {"description": "d" * 1000}}
    alerts = [{**one, "fingerprint": f"{number:016x}"} for number in range(20_000)]
    body = json.dumps(message(*alerts)).encode()
    assert len(body) > 20 * MEGABYTE
    before = victim.peak_memory_bytes()
    counted = victim.metric("storekeeper_alerts_received_total")
    begin = time.monotonic()
    answer = victim.send(body)
    assert (202, 20_000) == (answer.status_code, len(answer.json()["decisions"]))
    # What Alertmanager waits at the least.
    assert time.monotonic() - begin < 10
    assert victim.peak_memory_bytes() - before < 8 * len(body)
    assert counted + 20_000 == victim.metric("storekeeper_alerts_received_total")


def test_many_large_bodies_at_once_are_held_in_bounds(victim: Victim) -> None:
    """Sixty clients that each begin a body of one MiB and stop get no more memory than sixteen."""
    head = (
        "POST /api/v1/alerts HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
        f"Authorization: {victim.bearer}\r\nContent-Length: {MEGABYTE}\r\n\r\n"
    )
    before = victim.peak_memory_bytes()
    clients = []
    for _ in range(60):
        client = http.client.HTTPConnection("127.0.0.1", victim.port, timeout=30)
        client.connect()
        client.sock.sendall(head.encode() + b" " * (MEGABYTE - 1))
        clients.append(client)
    refused = 0
    for client in clients[16:]:
        refused += client.sock.recv(20).startswith(b"HTTP/1.1 503")
    assert 44 == refused
    assert victim.peak_memory_bytes() - before < 64 * MEGABYTE
    for client in clients:
        client.close()
    deadline = time.monotonic() + 10
    while (status := victim.send(b"{}").status_code) == 503 and time.monotonic() < deadline:
        time.sleep(0.05)
    assert 400 == status


BOMBS = (
    ("deep lists", b"[" * 900_000),
    ("deep objects", b'{"alerts":' * 100_000),
    ("a deep value of an unknown key", b'{"version":"4","alerts":[],"x":' + b"[" * 500_000),
    ("a number without end", b'{"version":"4","alerts":[],"truncatedAlerts":' + b"9" * 900_000 + b"}"),
    ("many alerts", b'{"version":"4","alerts":[' + b"{}," * 300_000 + b"{}]}"),
    ("a key many times", b'{"version":"4","alerts":[],' + b'"alerts":1,' * 80_000 + b'"x":1}'),
    ("no text", bytes(range(256)) * 4000),
)


def test_body_that_is_a_bomb_is_refused(victim: Victim) -> None:
    """It costs neither the receiver's life nor its memory, and it tells the sender nothing of itself."""
    before = victim.peak_memory_bytes()
    for name, body in BOMBS:
        answer = victim.send(body)
        assert (400, True) == (answer.status_code, len(answer.content) < 200), name
    assert victim.peak_memory_bytes() - before < 64 * MEGABYTE
    assert 200 == victim.get("/-/ready").status_code


def test_label_of_any_length_is_refused_or_kept_as_it_is(victim: Victim, alert: Make, message: Make) -> None:
    """Up to 4096 characters a label is taken; a longer one is refused, and named by its place alone."""
    kept = victim.send(json.dumps(message(alert("A", long="x" * 4096))).encode())
    assert 202 == kept.status_code
    refused = victim.send(json.dumps(message(alert("A", long="x" * 4097))).encode())
    assert (400, {"error": "The message is malformed at alerts.0.labels."}) == (
        refused.status_code,
        refused.json(),
    )


NASTY = "\n\r\x1b[2J\x1b]0;owned\x07\x9b31m\u2028\u2029level=error msg=forged\x00"


def test_nothing_that_is_sent_forges_a_line_of_the_log(victim: Victim, alert: Make, message: Make) -> None:
    """New lines and escape sequences in labels, paths, names and bodies leave whole, plain lines."""
    labels = {"resource": "media", "severity": NASTY, NASTY.replace("\x00", ""): NASTY}
    victim.send(json.dumps(message(alert(NASTY, **labels), truncatedAlerts=3)).encode())
    victim.send(json.dumps({"version": NASTY}).encode())
    requests.post(f"{victim.url}/api/v1/runs", json={"action": NASTY, "options": {NASTY: NASTY}}, timeout=30)
    requests.post(
        f"{victim.url}/api/v1/runs",
        json={"action": "remove_files", "options": {"names": NASTY.replace("\x00", "")}},
        timeout=30,
    )
    requests.get(f"{victim.url}/runs/%0a%1b%5b2Jx%0d%0alevel=error", timeout=30)
    with socket.create_connection(("127.0.0.1", victim.port), timeout=30) as client:
        client.sendall(NASTY.encode() + b" HTTP/1.1\r\n\r\n")
        while client.recv(1000):
            pass
    for run in victim.runs():
        victim.wait_for(run)
    assert len(victim.log()) >= 3
    for line in victim.log():
        assert LOG_LINE.fullmatch(line), line
        assert line.isprintable() and "owned" not in line, line


def test_nothing_that_is_sent_is_markup_on_a_page(victim: Victim, alert: Make, message: Make) -> None:
    """What stands in labels and options is text on the page, in its attributes, and in the JSON."""
    markup = "\"'><script>alert(1)</script><img src=x onerror=alert(1)>{{ 7*7 }}"
    sent = message(alert(markup, resource=markup, severity=markup))
    victim.send(json.dumps(sent).encode())
    by_hand = requests.post(
        f"{victim.url}/api/v1/runs", json={"action": "remove_files", "options": {"names": markup}}, timeout=30
    ).json()["id"]
    for path in ("/", f"/runs/{by_hand}"):
        page = victim.get(path)
        assert 200 == page.status_code
        assert "<script>alert" not in page.text and "<img src=x" not in page.text
        assert "{{ 7*7 }}" in page.text or "49" not in page.text
        assert "script-src 'unsafe" not in page.headers["content-security-policy"]
    for path in ("/api/v1/runs", "/metrics"):
        answer = victim.get(path)
        assert "nosniff" == answer.headers["x-content-type-options"]
        assert not answer.headers["content-type"].startswith("text/html")


NO_RUNS = (
    "..%2f..%2f..%2fetc%2fpasswd",
    "%2e%2e",
    "..%5c..%5cwindows",
    "%00",
    "x%00.html",
    "' OR 1=1 --",
    "%ff%fe",
    "a" * 5000,
    "ledger.sqlite3",
)


def test_id_of_a_run_is_no_path_and_no_query(victim: Victim) -> None:
    """An ID that is none is not found, whatever it looks like; nothing is read, approved or cancelled."""
    connection = http.client.HTTPConnection("127.0.0.1", victim.port, timeout=30)
    before = victim.runs()
    asked = [
        (method, path)
        for run in NO_RUNS
        for method, path in (
            ("GET", f"/api/v1/runs/{run}"),
            ("POST", f"/api/v1/runs/{run}/approve"),
            ("POST", f"/api/v1/runs/{run}/cancel"),
            ("GET", f"/runs/{run}"),
        )
    ]
    for method, path in asked:
        path = path.replace(" ", "%20").replace("'", "%27")
        connection.request(method, path, headers={"authorization": victim.bearer})
        answer = connection.getresponse()
        text = answer.read()
        assert answer.status in (403, 404, 405), (method, path, answer.status)
        assert b"root:" not in text and b"SQLite" not in text
    connection.close()
    assert before == victim.runs()


def test_payload_chooses_a_playbook_and_nothing_else(victim: Victim, alert: Make, message: Make) -> None:
    """Labels and keys that name paths, commands, actions and options change no step of the run."""
    labels = {
        "resource": "media",
        "action": "write_batches",
        "command": "touch /tmp/owned",
        "path": "/etc",
        "names": "*",
        "force": "true",
        "options": '{"names": "*"}',
        "instance": "$(touch owned)`touch owned`",
    }
    extra = {"steps": [{"action": "write_batches"}], "playbook": "slow", "force": True}
    sent = message({**alert("StorageUsageWarning", **labels), **extra}, **extra)
    (run,) = victim.send(json.dumps(sent).encode()).json()["runs"]
    (step,) = victim.wait_for(run)["steps"]
    assert ("remove_files", {"names": "old*"}) == (step["action"], step["options"])
    assert ["new.png"] == [path.name for path in (victim.folder / "media").iterdir()]
    assert not list(victim.folder.rglob("owned"))


NO_RESOURCES = (
    {"resource": "/etc"},
    {"resource": "../media"},
    {"resource": "media\x00"},
    {"resource": "disk", "mountpoint": "/proc/self/root/etc"},
    {"resource": "database", "database": "default'; DROP TABLE runs; --"},
    {"area": "$(reboot)"},
)


def test_resource_that_the_config_does_not_name_starts_nothing(
    victim: Victim, alert: Make, message: Make
) -> None:
    """A label chooses among the names of the config; any other is counted and left alone."""
    before = victim.runs()
    for labels in NO_RESOURCES:
        answer = victim.send(json.dumps(message(alert("StorageUsageWarning", **labels))).encode())
        assert (202, []) == (answer.status_code, answer.json()["runs"]), labels
        assert answer.json()["decisions"][0] in ("unknown_resource", "no_playbook"), labels
    assert before == victim.runs()
