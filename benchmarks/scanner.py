"""
The directory scanner against ``du`` and ``gdu`` on a shop's media tree.

``python -m benchmarks scanner --files 1000000`` measures a full walk, a walk again of the unchanged tree, the
same with 0.1 % of the directories changed, and the peak memory above an idle process. The tree is made in
the temporary folder and removed afterwards. gdu is left out where it is not installed.
"""

import os
import shutil
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import click
from rich.console import Console
from rich.table import Table

from benchmarks import measure
from exporter.scanner import ScanRequest, TreeState, scan

FILES_IN_A_DIRECTORY = 250
GROUPS = 20
YEAR_SECONDS = 365 * 86_400
# Longer than the request's settle_seconds: a tree made this moment is read again, and rightly so.
SETTLE_SECONDS = 2.5

IDLE = "import sys, time; from pathlib import Path; from exporter.scanner import *; time.sleep(0.3)"
SCANNING = IDLE + "; usage = scan(ScanRequest(root=Path(sys.argv[1]))); time.sleep(0.1)"


@click.command(name="scanner")
@click.option(
    "--files", multiple=True, type=int, default=(10_000, 100_000, 1_000_000), help="Sizes of the tree."
)
@click.option("--rounds", default=measure.ROUNDS, help="Rounds that count.")
def command(files: tuple[int, ...], rounds: int) -> None:
    """Measure the directory scanner against du and gdu."""
    measure.take_low_priority()
    table = Table(
        "what", *(f"{number:,} files" for number in files), title="median of the rounds (lowest to highest)"
    )
    columns = [compared(number, rounds=rounds) for number in files]
    for name in columns[0]:
        table.add_row(name, *(column[name] for column in columns))
    Console(width=150).print(table)


def main(arguments: list[str]) -> int:
    """Run the command with these words."""
    command.main(arguments, prog_name="python -m benchmarks scanner", standalone_mode=False)
    return 0


def compared(files: int, *, rounds: int) -> dict[str, str]:
    """Measure one tree; give each result as text."""
    folder = Path(tempfile.mkdtemp(prefix="storekeeper-benchmark-"))
    try:
        directories = make_tree(folder, files=files)
        time.sleep(SETTLE_SECONDS)
        request = ScanRequest(root=folder)
        sides: dict[str, Callable[[], float]] = {
            "full": lambda: measure.timed(lambda: scan(request)),
            "du": lambda: measure.program("du", "-s", folder),
            "unchanged": Rescan(request, changed=[]),
            "changed": Rescan(request, changed=directories[: max(1, len(directories) // 1000)]),
        }
        if shutil.which("gdu"):
            sides["gdu"] = lambda: measure.program("gdu", "-npcs", folder)
        seconds = measure.interleaved(sides, rounds=rounds)
        memory = measure.peak_memory_bytes(SCANNING, str(folder)) - measure.peak_memory_bytes(IDLE)
    finally:
        shutil.rmtree(folder)
    results = {
        "full walk, time / du": str(measure.ratio(seconds, of="full", to="du")),
        "full walk, time / gdu": "gdu is not installed",
        "unchanged tree again, times faster than du": str(
            measure.ratio(seconds, of="unchanged", to="du").inverse
        ),
        "0.1 % of directories changed, times faster than du": str(
            measure.ratio(seconds, of="changed", to="du").inverse
        ),
        "peak memory of the full walk above idle, MB": f"{memory / 1e6:.0f}",
    }
    if "gdu" in seconds:
        results["full walk, time / gdu"] = str(measure.ratio(seconds, of="full", to="gdu"))
    return results


class Rescan:
    """A scan that knows the tree; only the files that appear in ``changed`` are new to it."""

    def __init__(self, request: ScanRequest, *, changed: list[Path]) -> None:
        self._request = request
        self._changed = changed
        self._state: TreeState | None = None

    def __call__(self) -> float:
        # The other sides changed the tree as well: first learn it, at rest.
        time.sleep(SETTLE_SECONDS)
        self._state = scan(self._request, previous=self._state).state
        for directory in self._changed:
            new = directory / f"new-{time.monotonic_ns()}"
            new.touch()
            os.utime(new, (0, 0))
        began = time.perf_counter()
        usage = scan(self._request, previous=self._state)
        took = time.perf_counter() - began
        if usage.directories_read != len(self._changed):
            # A reading that was due for another reason would be timed as well.
            raise RuntimeError(
                f"{usage.directories_read} directories were read, {len(self._changed)} changed"
            )
        return took


def make_tree(root: Path, *, files: int) -> list[Path]:
    """Make a media tree of small files a year old; give its lowest directories."""
    directories = [
        root / f"group-{number % GROUPS}" / f"{number}" for number in range(files // FILES_IN_A_DIRECTORY)
    ]
    then = time.time() - YEAR_SECONDS
    for number, directory in enumerate(directories):
        directory.mkdir(parents=True)
        folder = os.open(directory, os.O_RDONLY)
        try:
            for place in range(FILES_IN_A_DIRECTORY):
                file = os.open(
                    f"photo-{number:06}-{place:05}.webp", os.O_CREAT | os.O_WRONLY, 0o600, dir_fd=folder
                )
                os.truncate(file, place * 7919 % 200_000)
                os.utime(file, (then, then))
                os.close(file)
        finally:
            os.close(folder)
    return directories
