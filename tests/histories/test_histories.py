"""
Shops with models made at random: whatever names a file, in whatever spelling, keeps it; true orphans go.

Every approval is given beforehand and everything is old, so that only the naming, the judged folders and what
is made of live files stand between a file and the quarantine. ``make thorough`` runs 10,000 histories on
SQLite and 2,000 on PostgreSQL.
"""

import json
import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import psycopg
import pytest

from tests.projects import PROJECTS_PACKAGES
from tests.shops import PostgreSQLServer

CHECKOUT = Path(__file__).resolve().parents[2]
COUNTS = {"sqlite": (15, 10_000), "postgresql": (6, 2_000)}


def run(folder: Path, *, first: int, count: int, postgresql: str = "") -> dict[str, Any]:
    """Run histories in a process of their own and return what it found."""
    folder.mkdir()
    arguments = ["--folder", folder, "--packages", PROJECTS_PACKAGES, "--postgresql", postgresql]
    arguments += ["--first", first, "--count", count]
    done = subprocess.run(
        [sys.executable, "-X", "utf8", "-m", "tests.histories.run", *map(str, arguments)],
        cwd=CHECKOUT,
        env={name: value for name, value in os.environ.items() if not name.startswith("DJANGO_")},
        capture_output=True,
        text=True,
    )
    assert 0 == done.returncode, done.stderr
    answer: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return answer


@pytest.mark.timeout(0)
@pytest.mark.parametrize("database", COUNTS)
def test_what_anything_names_stays_and_what_nothing_names_goes(
    request: pytest.FixtureRequest, tmp_path: Path, database: str, thorough: bool
) -> None:
    """No named file, no variant of a live one, nothing outside judged folders is touched; orphans go."""
    few, many = COUNTS[database]
    count = many if thorough else few
    processes = 1
    if thorough and database == "sqlite":
        processes = os.cpu_count() or 1
    socket = _socket(request.getfixturevalue("postgresql_server")) if database == "postgresql" else ""
    share = count // processes
    with ThreadPoolExecutor(processes) as pool:
        results = list(
            pool.map(
                lambda number: run(
                    tmp_path / str(number), first=number * share, count=share, postgresql=socket
                ),
                range(processes),
            )
        )
    assert [] == [problem for result in results for problem in result["problems"]]
    assert share * processes == sum(result["histories"] for result in results)
    assert count < sum(result["went"] for result in results) < sum(result["kept"] for result in results)


def _socket(server: PostgreSQLServer) -> str:
    with psycopg.connect(server.uri, autocommit=True) as connection:
        connection.execute("DROP DATABASE IF EXISTS histories")
        connection.execute("CREATE DATABASE histories")
    return server.uri.partition("host=")[2]
