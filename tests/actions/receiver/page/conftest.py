"""A receiver whose shop has fill levels of every kind; the browser is in the tests' first conftest."""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from actions.ledger.file import LedgerFile
from actions.ledger.ledger import Ledger
from actions.receiver.service import ReceiverService
from actions.runner import now_here
from actions.schedules import DEFAULTS
from actions.table import ACTIONS
from storekeeper.config import load_config
from tests.receiver_url import receiver_url

CONFIG = """\
shop: madamda
project: {project}
state: {state}
databases: {{default: {{url: "sqlite:///{project}/db.sqlite3", limit: 100KB}}}}
areas:
  media: {{path: media, limit: 1000}}
  static: {{path: static, limit: 1000}}
  logs: {{path: logs, limit: 1000}}
total: {{limit: 1MB}}
backups: {{path: backups}}
receiver: {{listen: "127.0.0.1:0", cooldown: 1h, runs_per_day: 9}}
playbooks:
  media_emergency:
    alert: StorageUsageEmergency
    resource: [media]
    cooldown: 0s
    runs_per_day: 1
    steps: [{{action: fail_always, options: {{names: "qr*"}}}}]
  fails:
    alert: FailingAlert
    steps: [{{action: fail_always, options: {{names: "qr*"}}}}]
  careful:
    alert: CarefulAlert
    cooldown: 0s
    steps:
      - {{action: write_batches, options: {{batches: 1}}}}
      - {{action: remove_files, options: {{names: "old*"}}, approval: required}}
  slow:
    alert: SlowAlert
    cooldown: 0s
    steps:
      - {{action: write_batches, options: {{batches: 2, name: first}}}}
      - {{action: write_batches, options: {{batches: 2000, name: second}}}}
"""


@dataclass
class Shop:
    """A receiver that answers at ``url``, its ledger, and its folder."""

    url: str
    ledger: Ledger
    folder: Path


@pytest.fixture(scope="session")
def sample_table(sample_actions: ModuleType) -> dict[str, Any]:
    """The shipped actions and the small ones of the tests."""
    return {**ACTIONS, **sample_actions.ACTIONS}


@pytest.fixture(scope="module")
def start_shop(
    tmp_path_factory: pytest.TempPathFactory, sample_table: dict[str, Any]
) -> Iterator[Callable[..., Shop]]:
    """``start_shop(text=CONFIG)``: a shop and its receiver in this process."""
    services = []

    def start(text: str = CONFIG) -> Shop:
        folder = tmp_path_factory.mktemp("shop")
        for name, size in (("media/old.png", 962), ("static/style.css", 500), ("logs/django.log", 850)):
            (folder / name).parent.mkdir()
            (folder / name).write_bytes(b"x" * size)
        (folder / "db.sqlite3").write_bytes(b"x" * 92_000)
        path = folder / "storekeeper.yml"
        path.write_text(text.format(project=folder, state=folder / "state"))
        config = load_config(path)
        service = ReceiverService(config, actions=sample_table)
        # In a thread of its own: the browser's event loop runs in this one, which the engine refuses.
        with ThreadPoolExecutor(1) as thread:
            thread.submit(service.start).result()
        service.web.start()
        file = LedgerFile(config.state)
        services.append((service, file))
        return Shop(receiver_url(config.state, service.web.port), Ledger(file, now=now_here), folder)

    yield start
    for service, file in services:
        file.close()
        with ThreadPoolExecutor(1) as thread:
            assert thread.submit(service.stop).result()


@pytest.fixture(scope="session")
def scheduled() -> list[str]:
    """The actions that the schedule starts without being told."""
    return sorted(DEFAULTS)
