"""The two programs that take a storm of alerts: ``storekeeper receiver`` and Debian's ``webhook``."""

import json
import os
import shlex
import socket
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager
from pathlib import Path
from typing import IO, Protocol

import psutil
import requests

PROJECT = Path(__file__).resolve().parent.parent / "examples" / "shop"
START_SECONDS = 60.0
RUNS_SECONDS = 300.0

# What the alerts of a storm speak of; each has a playbook of its own.
RESOURCES: tuple[Mapping[str, str], ...] = (
    {"resource": "media"},
    {"resource": "logs"},
    {"resource": "backups"},
    {"resource": "database", "database": "default"},
)

SHOP = "storm"
# Both sides are sent it: what the receiver checks, webhook has to read past.
TOKEN = "the-token-of-the-storm"
CONFIG = """\
shop: {shop}
project: {project}
python: {python}
state: {folder}/state
databases: {{default: {{django: default, limit: 10GB}}}}
areas:
  media: {{path: {folder}/shop/media, limit: 10GB}}
  logs: {{path: {folder}/shop/logs, limit: 10GB}}
backups: {{path: {folder}/backups}}
receiver: {{listen: "127.0.0.1:{port}", token_file: {folder}/token, runs_per_day: 1}}
schedule: {{}}
"""


class Side(Protocol):
    """A program that takes alerts at ``url``."""

    name: str
    url: str

    def peak_memory_bytes(self) -> int:
        """Give the highest memory of the program so far, without the commands that it starts."""

    def cpu_seconds(self) -> float:
        """Give the processor time of the program and of what it started and has ended."""

    def wait_for_runs(self) -> Mapping[str, int]:
        """Wait until nothing runs any more and give how often each resource was acted on."""

    def kept(self) -> frozenset[str] | None:
        """Give the fingerprints on the disk, None for a program that keeps none."""


class _Program:
    """A started program."""

    def __init__(self, name: str, *, url: str, process: "subprocess.Popen[bytes]") -> None:
        self.name = name
        self.url = url
        self._process = process

    def peak_memory_bytes(self) -> int:
        lines = Path(f"/proc/{self._process.pid}/status").read_text().splitlines()
        return next(int(line.split()[1]) * 1024 for line in lines if line.startswith("VmHWM:"))

    def cpu_seconds(self) -> float:
        return sum(psutil.Process(self._process.pid).cpu_times()[:4])


class _Receiver(_Program):
    def __init__(self, *, url: str, process: "subprocess.Popen[bytes]", ledger: Path) -> None:
        super().__init__("storekeeper receiver", url=url, process=process)
        self._ledger = ledger

    def wait_for_runs(self) -> Mapping[str, int]:
        _wait(lambda: not self._count("SELECT count(*) FROM runs WHERE finished IS NULL"), RUNS_SECONDS)
        with closing(sqlite3.connect(self._ledger)) as ledger:
            rows = ledger.execute(
                "SELECT resource, count(*) FROM runs WHERE state = 'done' GROUP BY resource"
            )
            return {str(resource): int(count) for resource, count in rows}

    def kept(self) -> frozenset[str]:
        with closing(sqlite3.connect(self._ledger)) as ledger:
            return frozenset(row[0] for row in ledger.execute("SELECT fingerprint FROM alerts"))

    def _count(self, query: str) -> int:
        with closing(sqlite3.connect(self._ledger)) as ledger:
            return int(ledger.execute(query).fetchone()[0])


class _Webhook(_Program):
    def __init__(self, *, url: str, process: "subprocess.Popen[bytes]", ran: Path) -> None:
        super().__init__("webhook", url=url, process=process)
        self._ran = ran

    def wait_for_runs(self) -> Mapping[str, int]:
        size = -1
        while size != (size := self._ran.stat().st_size if self._ran.exists() else 0):
            time.sleep(1)
        return {"all": size}

    def kept(self) -> None:
        return None


@contextmanager
def our_receiver(folder: Path) -> Iterator[_Receiver]:
    """Give a receiver for a small sample shop, in a process of its own."""
    environment = {
        **os.environ,
        "SHOP_DATA_DIR": str(folder / "shop"),
        "DJANGO_SETTINGS_MODULE": "madamda.settings",
    }
    for words in (["migrate", "--verbosity=0"], ["fill_shop", "--orders=10"]):
        subprocess.run(
            [sys.executable, "manage.py", *words],
            cwd=PROJECT,
            env=environment,
            check=True,
            stdout=subprocess.DEVNULL,
        )
    python = folder / "python"
    exports = "".join(
        f"export {name}={shlex.quote(environment[name])}\n"
        for name in ("SHOP_DATA_DIR", "DJANGO_SETTINGS_MODULE")
    )
    python.write_text(f'#!/bin/sh\n{exports}exec {shlex.quote(sys.executable)} "$@"\n')
    python.chmod(0o755)
    port = _free_port()
    config_file = folder / "storekeeper.yml"
    config_file.write_text(CONFIG.format(shop=SHOP, project=PROJECT, python=python, folder=folder, port=port))
    (folder / "token").write_text(TOKEN)
    (folder / "token").chmod(0o600)
    command = [sys.executable, "-m", "storekeeper", "receiver", "--config.file", str(config_file)]
    with (folder / "log").open("wb") as log, _running(command, log=log) as process:
        _wait(lambda: _is_ready(port), START_SECONDS)
        yield _Receiver(
            url=f"http://127.0.0.1:{port}/api/v1/alerts",
            process=process,
            ledger=folder / "state" / "ledger.sqlite3",
        )


@contextmanager
def their_webhook(folder: Path) -> Iterator[_Webhook]:
    """Give Debian's webhook; its command adds a byte to a file, so that they can be counted."""
    command = folder / "command"
    command.write_text(f"#!/bin/sh\nprintf x >> {shlex.quote(str(folder / 'ran'))}\n")
    command.chmod(0o755)
    hook = {
        "id": "alerts",
        "execute-command": str(command),
        "trigger-rule": {
            "match": {
                "type": "value",
                "value": "firing",
                "parameter": {"source": "payload", "name": "alerts.0.status"},
            }
        },
    }
    (folder / "hooks.json").write_text(json.dumps([hook]))
    port = _free_port()
    words = ["webhook", "-hooks", str(folder / "hooks.json"), "-ip", "127.0.0.1", "-port", str(port)]
    with (folder / "log").open("wb") as log, _running(words, log=log) as process:
        _wait(lambda: _answers(port), START_SECONDS)
        yield _Webhook(url=f"http://127.0.0.1:{port}/hooks/alerts", process=process, ran=folder / "ran")


@contextmanager
def _running(command: list[str], *, log: IO[bytes]) -> "Iterator[subprocess.Popen[bytes]]":
    process = subprocess.Popen(command, stdout=log, stderr=subprocess.STDOUT)
    try:
        yield process
    finally:
        process.terminate()
        process.wait(60)


def _wait(look: Callable[[], object], seconds: float) -> None:
    deadline = time.monotonic() + seconds
    while not look():
        if time.monotonic() > deadline:
            raise TimeoutError(f"nothing came within {seconds} seconds")
        time.sleep(0.2)


def _answers(port: int) -> bool:
    with socket.socket() as one:
        return one.connect_ex(("127.0.0.1", port)) == 0


def _is_ready(port: int) -> bool:
    # The port is bound before the engine has started, and answers when it has.
    try:
        return requests.get(f"http://127.0.0.1:{port}/-/ready", timeout=START_SECONDS).ok
    except requests.ConnectionError:
        return False


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as free:
        return int(free.getsockname()[1])
