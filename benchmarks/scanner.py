"""
The directory scanner against ``du`` and ``gdu`` on a shop's media tree.

``python -m benchmarks scanner --files 1000000`` measures a full walk, a walk again of the unchanged tree, the
same with 0.1 % of the directories changed, and the peak memory above an idle process. Each walk asks what
the exporter asks: sizes, groups, large files, and every name for the comparison with rows. It is measured
with helper processes, as the exporter walks, and in one process, as it walks with a budget or on a single
processor. The cost table tells how each grows with the tree. The tree is made in the temporary folder and
removed afterwards. gdu is left out where it is not installed.
"""

import os
import shutil
import statistics
import tempfile
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import click
from rich.console import Console
from rich.table import Table

from benchmarks import measure
from storekeeper.measure.scanner import ScanRequest, TreeState, scan

FILES_IN_A_DIRECTORY = 250
GROUPS = 20
YEAR_SECONDS = 365 * 86_400

NO_GDU = "gdu is not installed"
SIDES = {
    "full": "full walk with helpers",
    "alone": "full walk in one process",
    "unchanged": "unchanged tree again",
    "changed": "0.1 % of directories changed",
    "du": "du",
    "gdu": "gdu",
}

IDLE = (
    "import sys, time; from pathlib import Path; from storekeeper.measure.scanner import *; time.sleep(0.3)"
)
REQUEST = "ScanRequest(root=Path(sys.argv[1]), names=True, large_over_bytes=10_000_000)"
SCANNING = IDLE + f"; usage = scan({REQUEST}); time.sleep(0.1)"
SCANNING_ALONE = IDLE + f"; usage = scan({REQUEST}, processes=0); time.sleep(0.1)"


@click.command(name="scanner")
@click.option(
    "--files", multiple=True, type=int, default=(10_000, 100_000, 1_000_000), help="Sizes of the tree."
)
@click.option("--rounds", default=measure.ROUNDS, help="Rounds that count.")
@click.option("--settle-seconds", default=2.0, help="For so long a directory that changed is read again.")
def command(files: tuple[int, ...], rounds: int, settle_seconds: float) -> None:
    """Measure the directory scanner against du and gdu."""
    measure.take_low_priority()
    heads = [f"{number:,} files" for number in files]
    table = Table("what", *heads, title="median of the rounds (lowest to highest)")
    results = [compared(number, rounds=rounds, settle_seconds=settle_seconds) for number in files]
    for name in results[0].ratios:
        table.add_row(name, *(result.ratios[name] for result in results))
    costs = Table("what", *heads, title="cost for each file, as times that of the smallest tree")
    for side, first in results[0].seconds_a_file.items():
        costs.add_row(side, *(f"{result.seconds_a_file[side] / first:.3g}" for result in results))
    console = Console(width=150)
    console.print(table)
    console.print(costs)


def main(arguments: list[str]) -> int:
    """Run the command with these words."""
    command.main(arguments, prog_name="python -m benchmarks scanner", standalone_mode=False)
    return 0


@dataclass(frozen=True, kw_only=True)
class Measured:
    """One tree: each ratio as text, and the median seconds of each side divided by the number of files."""

    ratios: Mapping[str, str]
    seconds_a_file: Mapping[str, float]


def compared(files: int, *, rounds: int, settle_seconds: float) -> Measured:
    """Measure one tree."""
    folder = Path(tempfile.mkdtemp(prefix="storekeeper-benchmark-"))
    try:
        directories = make_tree(folder, files=files)
        groups = {f"group_{number}": f"group-{number}" for number in range(GROUPS)}
        request = ScanRequest(
            root=folder,
            names=True,
            groups=groups,
            large_over_bytes=10_000_000,
            settle_seconds=settle_seconds,
        )
        _settle(request)
        sides: dict[str, Callable[[], float]] = {
            "full": lambda: measure.timed(lambda: scan(request)),
            "alone": lambda: measure.timed(lambda: scan(request, processes=0)),
            "du": lambda: measure.program("du", "-s", folder),
            "unchanged": Rescan(request, changed=[]),
            "changed": Rescan(request, changed=directories[: max(1, len(directories) // 1000)]),
        }
        if shutil.which("gdu"):
            sides["gdu"] = lambda: measure.program("gdu", "-npcs", folder)
        seconds = measure.interleaved(sides, rounds=rounds)
        idle = measure.peak_memory_bytes(IDLE)
        memory = measure.peak_memory_bytes(SCANNING, str(folder)) - idle
        memory_alone = measure.peak_memory_bytes(SCANNING_ALONE, str(folder)) - idle
    finally:
        shutil.rmtree(folder)
    results = {
        "full walk with helpers, time / du": str(measure.ratio(seconds, of="full", to="du")),
        "full walk in one process, time / du": str(measure.ratio(seconds, of="alone", to="du")),
        "full walk with helpers, time / gdu": NO_GDU,
        "full walk in one process, time / gdu": NO_GDU,
        "unchanged tree again, times faster than du": str(
            measure.ratio(seconds, of="unchanged", to="du").inverse
        ),
        "0.1 % of directories changed, times faster than du": str(
            measure.ratio(seconds, of="changed", to="du").inverse
        ),
        "peak memory with helpers above idle, MB": f"{memory / 1e6:.0f}",
        "peak memory in one process above idle, MB": f"{memory_alone / 1e6:.0f}",
    }
    if "gdu" in seconds:
        results["full walk with helpers, time / gdu"] = str(measure.ratio(seconds, of="full", to="gdu"))
        results["full walk in one process, time / gdu"] = str(measure.ratio(seconds, of="alone", to="gdu"))
    return Measured(
        ratios=results,
        seconds_a_file={SIDES[name]: statistics.median(took) / files for name, took in seconds.items()},
    )


def _settle(request: ScanRequest) -> None:
    """Wait until the tree is at rest: what was made this moment is read again, and rightly so."""
    time.sleep(1.25 * request.settle_seconds)


class Rescan:
    """A scan that knows the tree; only the files that appear in ``changed`` are new to it."""

    def __init__(self, request: ScanRequest, *, changed: list[Path]) -> None:
        self._request = request
        self._changed = changed
        self._state: TreeState | None = None

    def __call__(self) -> float:
        # The other sides changed the tree as well: first learn it, at rest.
        _settle(self._request)
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
