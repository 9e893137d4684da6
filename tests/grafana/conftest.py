"""A real Prometheus that scrapes two pages with all metrics of storekeeper and runs the real rules."""

import itertools
import json
import shutil
import socket
import subprocess
import threading
import time
import urllib.parse
import urllib.request
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.grafana.metrics import EXPORTER, RECEIVER, page

RULES = Path(__file__).resolve().parents[2] / "alert_rules"


class Pages(BaseHTTPRequestHandler):
    """/exporter and /receiver, each with the metrics of that service; every request is the next scrape."""

    scrapes = itertools.count(1)

    def do_GET(self) -> None:
        metrics = {"/exporter": EXPORTER, "/receiver": RECEIVER}[self.path]
        body = page(metrics, scrape=next(self.scrapes), now=time.time()).encode()
        self.send_response(200)
        self.send_header("Content-Type", "text/plain; version=0.0.4")
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *arguments: Any) -> None:
        """Say nothing: one line for each scrape would hide the test's own output."""


@pytest.fixture(scope="session")
def pages() -> Iterator[str]:
    """The address host:port of the two pages."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), Pages)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


@pytest.fixture(scope="session")
def ask(pages: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[str], list[Any]]]:
    """A function that runs an instant query in Prometheus and gives the series of the answer."""
    folder = tmp_path_factory.mktemp("prometheus")
    config = {
        "global": {"scrape_interval": "1s", "evaluation_interval": "1s"},
        "rule_files": [str(RULES / "*.yml")],
        "scrape_configs": [
            {
                "job_name": f"storekeeper-{service}",
                "metrics_path": f"/{service}",
                "static_configs": [{"targets": [pages], "labels": {"instance": "web"}}],
            }
            for service in ("exporter", "receiver")
        ],
    }
    (folder / "prometheus.yml").write_text(yaml.safe_dump(config))
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{free.getsockname()[1]}"
    program = shutil.which("prometheus")
    assert program, "Prometheus is needed: apt-get install prometheus"
    with (folder / "log").open("w") as log:
        server = subprocess.Popen(
            [
                program,
                f"--config.file={folder / 'prometheus.yml'}",
                f"--storage.tsdb.path={folder / 'data'}",
                f"--web.listen-address={address}",
            ],
            stdout=log,
            stderr=log,
        )

    def query(expression: str) -> list[Any]:
        body = urllib.parse.urlencode({"query": expression}).encode()
        with urllib.request.urlopen(f"http://{address}/api/v1/query", body, timeout=10) as answer:
            return list(json.load(answer)["data"]["result"])

    try:
        _wait_until_ready(address, server=server, log=folder / "log")
        yield query
    finally:
        server.terminate()
        server.wait(timeout=30)


def _wait_until_ready(address: str, *, server: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + 60
    while server.poll() is None and time.monotonic() < deadline:
        try:
            urllib.request.urlopen(f"http://{address}/-/ready", timeout=5).close()
        except OSError:
            time.sleep(0.2)
        else:
            return
    pytest.fail(f"Prometheus did not become ready:\n{log.read_text()}")
