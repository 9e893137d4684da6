"""A shop folder with a config, the real ledger, and receivers in this process or in one of their own."""

import datetime as dt
import hashlib
import importlib.util
import re
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from types import ModuleType
from typing import Any, TypeVar

import bcrypt
import pytest
import requests
import yaml

from actions.ledger.file import LedgerFile
from actions.ledger.ledger import Ledger
from actions.playbooks import shipped_playbooks
from actions.receiver.service import ReceiverService
from storekeeper.config import Config, load_config
from storekeeper.stack.ports import PortClaims
from tests.receiver_url import receiver_url

PROGRAM = Path(__file__).with_name("receiver_process.py")

CONFIG = """\
shop: sample
project: {project}
state: {state}
areas: {{media: {{path: media, limit: 850}}}}
receiver: {{listen: "127.0.0.1:0", cooldown: 1h, runs_per_day: 3}}
playbooks:
  sample_full:
    alert: StorageUsageWarning
    resource: [media]
    steps: [{{action: remove_files, options: {{names: "old*"}}}}]
  sample_emergency:
    alert: StorageUsageEmergency
    resource: [media]
    until_below: 0.5
    steps:
      - {{action: fail_always}}
      - {{action: remove_files, options: {{names: "old*"}}}}
      - {{action: remove_files, options: {{names: "*"}}}}
  careful:
    alert: CarefulAlert
    steps:
      - {{action: write_batches, options: {{batches: 1}}}}
      - {{action: remove_files, options: {{names: "old*"}}, approval: required}}
  slow:
    alert: SlowAlert
    steps:
      - {{action: write_batches, options: {{batches: 2, name: first}}}}
      - {{action: write_batches, options: {{batches: 40, name: second}}}}
      - {{action: write_batches, options: {{batches: 2, name: third}}}}
  fails:
    alert: FailingAlert
    cooldown: 0s
    runs_per_day: 1
    steps: [{{action: fail_always}}, {{action: remove_files}}]
"""


@dataclass
class Clock:
    """A clock that a test sets."""

    moment: dt.datetime = field(default_factory=lambda: dt.datetime(2026, 5, 3, 12, tzinfo=dt.UTC))

    def __call__(self) -> dt.datetime:
        return self.moment

    def advance(self, **length: float) -> None:
        self.moment += dt.timedelta(**length)


@pytest.fixture(scope="session")
def sample_actions() -> ModuleType:
    """The module with the small real actions."""
    spec = importlib.util.spec_from_file_location("receiver_process", PROGRAM)
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def config_file(tmp_path: Path) -> Path:
    """The config of a shop whose media area holds a new file of 100 and three old ones of 200 bytes."""
    media = tmp_path / "media"
    media.mkdir()
    (media / "new.png").write_bytes(b"n" * 100)
    for number in range(3):
        (media / f"old{number}.png").write_bytes(b"o" * 200)
    path = tmp_path / "storekeeper.yml"
    # The shipped playbooks name actions that these tests do not have; a config switches them off so.
    switched_off = "".join(f"  {name}: null\n" for name in shipped_playbooks())
    path.write_text(CONFIG.format(project=tmp_path, state=tmp_path / "state") + switched_off)
    return path


@pytest.fixture
def config(config_file: Path) -> Config:
    """The config, read."""
    return load_config(config_file)


@pytest.fixture
def clock() -> Clock:
    """A clock that stands until it is advanced."""
    return Clock()


@pytest.fixture
def ledger(config: Config, clock: Clock) -> Iterator[Ledger]:
    """The ledger of the config, with the test's clock."""
    file = LedgerFile(config.state)
    yield Ledger(file, now=clock)
    file.close()


def make_alert(name: str, *, status: str = "firing", fingerprint: str = "", **labels: str) -> dict[str, Any]:
    """Give one alert as Alertmanager sends it, about the sample shop unless the labels name another."""
    labels = {"shop": "sample", **labels}
    return {
        "status": status,
        "labels": {"alertname": name, **{label: value for label, value in labels.items() if value}},
        "annotations": {},
        "startsAt": "2026-05-03T11:59:00Z",
        "endsAt": "0001-01-01T00:00:00Z",
        "generatorURL": "http://prometheus/graph",
        "fingerprint": fingerprint or hashlib.sha256(repr((name, labels)).encode()).hexdigest()[:16],
    }


def make_message(*alerts: dict[str, Any], **more: Any) -> dict[str, Any]:
    """Give a webhook message of version 4."""
    return {
        "version": "4",
        "groupKey": "{}:{}",
        "truncatedAlerts": 0,
        "status": "firing",
        "receiver": "storekeeper",
        "groupLabels": {},
        "commonLabels": {},
        "commonAnnotations": {},
        "externalURL": "http://alertmanager",
        "alerts": list(alerts),
        **more,
    }


@pytest.fixture
def alert() -> Callable[..., dict[str, Any]]:
    """``alert(name, status="firing", **labels)`` as Alertmanager sends it."""
    return make_alert


@pytest.fixture
def message() -> Callable[..., dict[str, Any]]:
    """``message(*alerts, **more)``: a webhook message of version 4."""
    return make_message


@pytest.fixture
def wait() -> Callable[..., Any]:
    """``wait(look)`` until ``look`` finds something, and give it."""
    return wait_until


@dataclass
class RunningReceiver:
    """A receiver that answers at ``url``."""

    url: str
    process: "subprocess.Popen[str] | None" = None

    def send(self, *alerts: dict[str, Any], **more: Any) -> requests.Response:
        """Send a message as Alertmanager does."""
        return requests.post(f"{self.url}/api/v1/alerts", json=make_message(*alerts, **more), timeout=30)

    def get(self, path: str, **options: Any) -> requests.Response:
        """Ask for a path."""
        return requests.get(self.url + path, timeout=30, **options)

    def post(self, path: str, **options: Any) -> requests.Response:
        """Send to a path."""
        return requests.post(self.url + path, timeout=30, **options)

    def runs(self) -> list[dict[str, Any]]:
        """Give the history."""
        runs: list[dict[str, Any]] = self.get("/api/v1/runs").json()["runs"]
        return runs

    def wait_for(self, run: str, *states: str) -> dict[str, Any]:
        """Give a run once it is in one of these states."""
        return wait_until(
            lambda: found if (found := self.get(f"/api/v1/runs/{run}").json())["state"] in states else None
        )

    def metric(self, series: str) -> float | None:
        """Return the value of a series of /metrics, named without its shop; None where there is none."""
        wanted = set(re.findall(r'\w+="[^"]*"', series)) | {'shop="sample"'}
        for line in self.get("/metrics").text.splitlines():
            found, _, value = line.rpartition(" ")
            same_name = found.partition("{")[0] == series.partition("{")[0]
            if same_name and set(re.findall(r'\w+="[^"]*"', found)) == wanted:
                return float(value)
        return None


Value = TypeVar("Value")


def wait_until(look: Callable[[], Value | None], *, seconds: float = 60) -> Value:
    """Give what ``look`` finds as soon as it finds something."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if found := look():
            return found
        time.sleep(0.05)
    pytest.fail(f"nothing came within {seconds} seconds")


@pytest.fixture
def receiver(config: Config, sample_actions: ModuleType) -> Iterator[RunningReceiver]:
    """A receiver in this process, on loopback, with the token that it makes."""
    service = ReceiverService(config, actions=sample_actions.ACTIONS)
    service.start()
    service.web.start()
    yield RunningReceiver(receiver_url(config.state, service.web.port))
    assert service.stop()


@pytest.fixture
def serve(config: Config, sample_actions: ModuleType) -> Iterator[Callable[..., str]]:
    """``serve(config, **files)``: start a receiver in this process and give its URL."""
    services = []

    def start(changed: Config = config, **files: Any) -> str:
        service = ReceiverService(changed, actions=sample_actions.ACTIONS, **files)
        service.start()
        service.web.start()
        services.append(service)
        return f"http://127.0.0.1:{service.web.port}"

    yield start
    for service in services:
        service.stop()


@pytest.fixture
def token_file(tmp_path: Path) -> Path:
    """A file with a token."""
    path = tmp_path / "token"
    path.write_text("a-token-of-enough-characters\n")
    return path


@pytest.fixture
def web_config_file(tmp_path: Path) -> Path:
    """A web config with the user anna, password secret."""
    path = tmp_path / "web.yml"
    password_hash = bcrypt.hashpw(b"secret", bcrypt.gensalt(4)).decode()
    path.write_text(f"basic_auth_users: {{anna: '{password_hash}'}}\n")
    return path


@pytest.fixture
def start_receiver(config: Config, config_file: Path) -> Iterator[Callable[..., RunningReceiver]]:
    """A factory of receivers in processes of their own; those that still run at the end are killed."""
    started: list[subprocess.Popen[str]] = []

    def start(*arguments: str) -> RunningReceiver:
        process = subprocess.Popen(
            [sys.executable, str(PROGRAM), str(config_file), *arguments], stdout=subprocess.PIPE, text=True
        )
        started.append(process)
        assert process.stdout
        port = process.stdout.readline().strip()
        assert port, f"the receiver ended with {process.wait()}"
        return RunningReceiver(receiver_url(config.state, port), process)

    yield start
    for process in started:
        process.kill()
        process.wait()
        assert process.stdout
        process.stdout.close()


@dataclass
class RunningAlertmanager:
    """The real Alertmanager, made as quick as it can be: what fires is sent at once and soon again."""

    url: str

    def post(self, *alerts: dict[str, str], **times: str) -> None:
        """Say that alerts with these labels fire, or resolve where ``times`` gives an ``endsAt``."""
        sent = [{"labels": labels, "annotations": {"summary": "ពេញ"}, **times} for labels in alerts]
        assert requests.post(f"{self.url}/api/v2/alerts", json=sent, timeout=30).ok

    def resolve(self, *alerts: dict[str, str]) -> None:
        """Say that these alerts fire no more."""
        self.post(*alerts, endsAt=time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()))

    def answers(self) -> bool:
        """Tell whether it takes alerts yet."""
        try:
            return requests.get(f"{self.url}/-/ready", timeout=5).ok
        except requests.ConnectionError:
            return False

    def failed_requests(self) -> int:
        """Give how many messages to a webhook were not answered well."""
        page = requests.get(f"{self.url}/metrics", timeout=5).text
        name = 'alertmanager_notification_requests_failed_total{integration="webhook"}'
        return sum(int(line.split()[-1]) for line in page.splitlines() if line.startswith(name))


@pytest.fixture
def start_alertmanager(tmp_path: Path) -> Iterator[Callable[[str], RunningAlertmanager]]:
    """``start_alertmanager(url)``: an Alertmanager that sends each alert by itself to the webhook ``url``."""
    claims = PortClaims()
    started: list[subprocess.Popen[bytes]] = []

    def start(url: str) -> RunningAlertmanager:
        route = {
            "receiver": "storekeeper",
            "group_by": ["..."],
            "group_wait": "0s",
            "group_interval": "1s",
            # It forgets after twice this time what it sent, and then never says that an alert is over.
            "repeat_interval": "2s",
        }
        receivers = [{"name": "storekeeper", "webhook_configs": [{"url": url}]}]
        config_file = tmp_path / "alertmanager.yml"
        config_file.write_text(yaml.safe_dump({"route": route, "receivers": receivers}))
        address = f"127.0.0.1:{claims.claim(19093)}"
        command = [
            "prometheus-alertmanager",
            f"--config.file={config_file}",
            f"--storage.path={tmp_path / 'alertmanager'}",
            f"--web.listen-address={address}",
            "--cluster.listen-address=",
        ]
        with (tmp_path / "alertmanager.log").open("wb") as log:
            started.append(subprocess.Popen(command, stderr=log))
        alertmanager = RunningAlertmanager(f"http://{address}")
        wait_until(alertmanager.answers)
        return alertmanager

    yield start
    for process in started:
        process.terminate()
        process.wait()
