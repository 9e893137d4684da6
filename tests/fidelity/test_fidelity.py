"""
Shops with models and values made at random: what was stored is stored again after backup and restore.

Every value is compared by plain SQL, with its type. ``make thorough`` makes 5,000 shops.
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
COUNTS = {"sqlite": (20, 4_000), "postgresql": (8, 1_000)}


def run(folder: Path, *, first: int, count: int, postgresql: str = "") -> dict[str, Any]:
    """Make shops in a process of their own and return what was found."""
    arguments = ["--folder", folder, "--packages", PROJECTS_PACKAGES, "--postgresql", postgresql]
    arguments += ["--first", first, "--count", count]
    done = subprocess.run(
        [sys.executable, "-X", "utf8", "-W", "ignore", "-m", "tests.fidelity.run", *map(str, arguments)],
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
def test_what_is_stored_is_stored_again(
    request: pytest.FixtureRequest, tmp_path: Path, database: str, thorough: bool
) -> None:
    """Each value of each row comes back raw-equal, and no difference is claimed where there is none."""
    few, many = COUNTS[database]
    count = many if thorough else few
    processes = (os.cpu_count() or 1) if thorough and database == "sqlite" else 1
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
    assert share * processes == sum(result["rounds"] for result in results)
    # Ordinary values are most of them, and odd ones are there.
    assert 0 < sum(result["beside"] for result in results) < sum(result["put"] for result in results) / 2


def _socket(server: PostgreSQLServer) -> str:
    with psycopg.connect(server.uri, autocommit=True) as connection:
        connection.execute("DROP DATABASE IF EXISTS fidelity")
        connection.execute("CREATE DATABASE fidelity")
    return server.uri.partition("host=")[2]
