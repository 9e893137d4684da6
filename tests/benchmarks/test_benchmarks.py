"""Every benchmark ends well: what is measured once a year must not be broken on that day."""

import subprocess
import sys
from pathlib import Path

import pytest

from benchmarks.__main__ import BENCHMARKS, SMALL

CHECKOUT = Path(__file__).parents[2]

# A thing that each is there to tell.
TELLS = {
    "backups": "memory of the packed JSON",
    "cleanup": '"ratio"',
    "log_rotation": '"program": "logrotate copytruncate"',
    "media": "restore of the newest, every file the same: restic, time / tar",
    "names": '"found_by_grep"',
    "receiver": "receiver_to_webhook",
    "scanner": "full walk with helpers, time / gdu",
    "scrape": "p99",
}


def run(*words: str) -> "subprocess.CompletedProcess[str]":
    """Type the command."""
    command = [sys.executable, "-m", "benchmarks", *words]
    return subprocess.run(command, cwd=CHECKOUT, capture_output=True, text=True, timeout=240)


@pytest.mark.parametrize("name", TELLS)
def test_benchmark_goes_all_the_way(name: str) -> None:
    """Started small by its command, each benchmark ends with 0 and tells what it is there for."""
    done = run("--small", name)
    assert 0 == done.returncode, done.stdout + done.stderr
    assert TELLS[name] in done.stdout


def test_every_benchmark_is_started_here() -> None:
    """Each module with a ``main`` has its command, each command its small sizes and its test above."""
    folder = CHECKOUT / "benchmarks"
    with_main = {
        path.stem
        for path in folder.glob("*.py")
        if path.stem != "__main__" and "\ndef main(" in path.read_text("utf-8")
    }
    assert with_main == set(BENCHMARKS) == set(SMALL) == set(TELLS)


def test_unknown_benchmark_is_named() -> None:
    """A name that there is not ends with 2 and the names that there are."""
    done = run("speed")
    assert (2, "") == (done.returncode, done.stdout)
    assert all(name in done.stderr for name in BENCHMARKS)
