"""A real Alertmanager with a person's webhook behind it, a place for annotations, and runs that ended."""

import datetime as dt
import http.server
import json
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from types import ModuleType
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
import requests
import yaml

from actions.action import Outcome
from actions.ledger.file import LedgerFile
from actions.ledger.ledger import Ledger
from actions.ledger.rows import NewRun, NewStep
from actions.ledger.schema import RunState, StepState, Trigger
from actions.receiver.telling.teller import Teller
from actions.runner import now_here
from storekeeper.config import Config, load_config
from storekeeper.stack.ports import PortClaims

TOKEN = "glsa_a-token-of-grafana"


@dataclass
class Inbox:
    """What arrives at a person's webhook: (alertname, status, annotations) of each alert of each message."""

    url: str = ""
    heard: list[tuple[str, str, dict[str, str]]] = field(default_factory=list)

    def names(self) -> list[tuple[str, str]]:
        """Give names and states in the order of arrival."""
        return [(name, status) for name, status, _ in self.heard]


@dataclass
class Annotations:
    """Grafana's annotations API as documented: POST keeps one, GET finds those that have all the tags."""

    url: str = ""
    kept: list[dict[str, Any]] = field(default_factory=list)
    authorizations: set[str] = field(default_factory=set)
    on_kept: Callable[[], None] = lambda: None
    answers: int = 200


@contextmanager
def serving(handler: type[http.server.BaseHTTPRequestHandler]) -> Iterator[str]:
    """Serve on a free port of this machine; give the URL."""
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


class Handler(http.server.BaseHTTPRequestHandler):
    """What both servers share."""

    def body(self) -> Any:
        return json.loads(self.rfile.read(int(self.headers["Content-Length"])))

    def answer(self, value: Any, *, status: int = 200) -> None:
        text = json.dumps(value).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)

    def log_message(self, format: str, *args: Any) -> None:
        """Say nothing."""


@pytest.fixture
def inbox() -> Iterator[Inbox]:
    """The webhook of a person."""
    box = Inbox()

    class Webhook(Handler):
        def do_POST(self) -> None:
            message = self.body()
            box.heard += [
                (alert["labels"]["alertname"], alert["status"], alert["annotations"])
                for alert in message["alerts"]
            ]
            self.answer({})

    with serving(Webhook) as box.url:
        yield box


@pytest.fixture
def annotations() -> Iterator[Annotations]:
    """The other end of the annotations."""
    grafana = Annotations()

    class Grafana(Handler):
        def do_POST(self) -> None:
            assert "/api/annotations" == self.path
            grafana.authorizations.add(self.headers["Authorization"])
            body = self.body()
            if grafana.answers == 200:
                grafana.kept.append(body)
            grafana.on_kept()
            self.answer({"message": "Annotation added", "id": len(grafana.kept)}, status=grafana.answers)

        def do_GET(self) -> None:
            wanted = set(parse_qs(urlsplit(self.path).query)["tags"])
            self.answer([one for one in grafana.kept if wanted <= set(one["tags"])])

    with serving(Grafana) as grafana.url:
        yield grafana


@pytest.fixture
def alertmanager(inbox: Inbox, tmp_path: Path) -> Iterator[str]:
    """An Alertmanager that sends every alert to the inbox at once; give its URL."""
    config = {
        "route": {
            "receiver": "person",
            "group_by": ["..."],
            "group_wait": "0s",
            "group_interval": "1s",
            "repeat_interval": "1h",
        },
        "receivers": [{"name": "person", "webhook_configs": [{"url": inbox.url}]}],
    }
    (tmp_path / "alertmanager.yml").write_text(yaml.safe_dump(config))
    # Held until the end: the tests of other processes claim their ports, too.
    claims = PortClaims()
    address = f"127.0.0.1:{claims.claim(19093)}"
    with subprocess.Popen(
        [
            "prometheus-alertmanager",
            f"--config.file={tmp_path / 'alertmanager.yml'}",
            f"--storage.path={tmp_path / 'alertmanager'}",
            f"--web.listen-address={address}",
            "--cluster.listen-address=",
            "--log.level=error",
        ]
    ) as process:
        url = f"http://{address}"
        until(lambda: _answers(f"{url}/-/ready"))
        yield url
        process.terminate()


def _answers(url: str) -> bool:
    try:
        return requests.get(url, timeout=2).ok
    except requests.ConnectionError:
        return False


def until(look: Callable[[], Any], *, seconds: float = 30) -> Any:
    """Give what ``look`` finds as soon as it finds something."""
    deadline = time.monotonic() + seconds
    while not (found := look()):
        assert time.monotonic() < deadline, "nothing came"
        time.sleep(0.05)
    return found


@pytest.fixture
def telling_config(config_file: Path) -> Callable[..., Config]:
    """``telling_config(alertmanager=URL, grafana=URL, notify=TEXT)``: the shop's config with these."""

    def make(*, alertmanager: str = "", grafana: str = "", notify: str = "") -> Config:
        text = config_file.read_text()
        if alertmanager:
            text += f"alertmanager: {{url: '{alertmanager}'}}\n"
        if grafana:
            token = config_file.with_name("grafana-token")
            token.write_text(f"{TOKEN}\n")
            text += f"grafana: {{url: '{grafana}', token_file: '{token}'}}\n"
        text = text.replace("runs_per_day: 3}", f"runs_per_day: 3, notify: {{{notify}}}}}")
        config_file.write_text(text)
        return load_config(config_file)

    return make


@pytest.fixture
def make_teller(sample_actions: ModuleType) -> Iterator[Callable[..., Teller]]:
    """A factory of tellers without their thread: the test says when."""
    made: list[Teller] = []

    def make(config: Config, *, now: Callable[[], dt.datetime] = now_here) -> Teller:
        teller = Teller(config, actions=sample_actions.ACTIONS, now=now)
        teller._page_url = "https://shop.example.org:9732"
        made.append(teller)
        return teller

    yield make
    for teller in made:
        teller._file.close()


@dataclass
class History:
    """Writes runs that have ended into a ledger, as the worker does."""

    ledger: Ledger

    def run(
        self,
        action: str = "remove_files",
        *,
        failed: str = "",
        cancelled: bool = False,
        freed_bytes: int = 600,
        **more: Any,
    ) -> str:
        """Begin and end a run of one action; give its id."""
        steps = [NewStep(action=action)]
        run = self.ledger.accept(
            NewRun(**{"trigger": Trigger.SCHEDULE, "who": "storekeeper", "steps": steps, **more})
        )
        assert run
        self.ledger.begin_step(run, 0)
        outcome = Outcome(summary="removed 3 files", freed_bytes=freed_bytes, changed=3)
        if failed:
            self.ledger.end_step(run, 0, state=StepState.FAILED, error=failed)
            self.ledger.end_run(run, state=RunState.FAILED, error=failed)
        elif cancelled:
            self.ledger.end_step(run, 0, state=StepState.CANCELLED, outcome=outcome)
            self.ledger.end_run(run, state=RunState.CANCELLED)
        else:
            self.ledger.end_step(run, 0, state=StepState.DONE, outcome=outcome)
            self.ledger.end_run(run, state=RunState.DONE, summary=outcome.summary)
        return run


@pytest.fixture
def history(config: Config) -> Iterator[History]:
    """The shop's ledger with the real clock."""
    file = LedgerFile(config.state)
    yield History(Ledger(file, now=now_here))
    file.close()


@pytest.fixture
def eventually() -> Callable[..., Any]:
    """``eventually(look)`` until ``look`` finds something, and give it."""
    return until


@pytest.fixture
def rows_of_outbox(config: Config) -> Callable[[], list[tuple[str, str, int]]]:
    """Give (run, target, attempts) of what is still to be told."""

    def rows() -> list[tuple[str, str, int]]:
        file = LedgerFile(config.state)
        with file.read() as connection:
            found = connection.execute("SELECT * FROM outbox ORDER BY run, target").fetchall()
        file.close()
        return [(row["run"], row["target"], row["attempts"]) for row in found]

    return rows
