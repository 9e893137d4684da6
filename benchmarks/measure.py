"""
Compare programs on a machine that is never quiet.

The sides run in turn, A B C A B C, so that a slow minute meets all of them. Each round gives one ratio to the
peer of the same round; the result is the median of these, with the lowest and the highest as the noise. A
single time says nothing and is never printed.
"""

import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

ROUNDS = 5


@dataclass(frozen=True, kw_only=True)
class Ratio:
    """How long one side took for each second of its peer: the median of the rounds, and their range."""

    median: float
    lowest: float
    highest: float

    def __str__(self) -> str:
        return f"{self.median:.3g} ({self.lowest:.3g} to {self.highest:.3g})"

    @property
    def inverse(self) -> "Ratio":
        """Give how many times faster the side was."""
        return Ratio(median=1 / self.median, lowest=1 / self.highest, highest=1 / self.lowest)


def interleaved(
    sides: Mapping[str, Callable[[], float]], *, rounds: int = ROUNDS, warm_up: int = 1
) -> dict[str, list[float]]:
    """Run every side in turn for some rounds; each gives its own seconds. The first rounds do not count."""
    seconds: dict[str, list[float]] = {name: [] for name in sides}
    for number in range(-warm_up, rounds):
        for name, run in sides.items():
            # What the side before has left to the disk is not this side's to wait for.
            os.sync()
            took = run()
            if number >= 0:
                seconds[name].append(took)
    return seconds


def ratio(seconds: Mapping[str, Sequence[float]], *, of: str, to: str) -> Ratio:
    """Give the ratio of two sides, round by round."""
    ratios = [mine / theirs for mine, theirs in zip(seconds[of], seconds[to], strict=True)]
    return Ratio(median=statistics.median(ratios), lowest=min(ratios), highest=max(ratios))


def timed(work: Callable[[], object]) -> float:
    """Give the seconds that the work took."""
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


def program(*arguments: str | Path) -> float:
    """Give the seconds of a program from its start to its end; its output is thrown away."""
    return timed(lambda: subprocess.run(arguments, check=True, stdout=subprocess.DEVNULL))


def peak_memory_bytes(code: str, *arguments: str) -> int:
    """
    Run Python code in a process of its own; give the highest memory of it and its helpers together.

    Sampled every few milliseconds as the proportional set size, so that shared pages count once (Linux).
    """
    process = subprocess.Popen([sys.executable, "-c", code, *arguments], stdout=subprocess.DEVNULL)
    peak = 0
    while process.poll() is None:
        peak = max(peak, sum(proportional_bytes(pid) for pid in family(process.pid)))
        time.sleep(0.01)
    if process.returncode:
        raise subprocess.CalledProcessError(process.returncode, "python -c …")
    return peak


def family(pid: int) -> list[int]:
    """Give a process and its children."""
    try:
        children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    except OSError:
        return []
    return [pid, *(int(child) for child in children)]


def proportional_bytes(pid: int) -> int:
    """Give the memory of a process, shared pages divided between those who share them; 0 when it is gone."""
    try:
        lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    except OSError:
        return 0
    return sum(int(line.split()[1]) * 1024 for line in lines if line.startswith("Pss:"))


def take_low_priority(nice: int = 10) -> None:
    """Run us and every peer at the priority that the scanner's helpers take, so that all are alike."""
    if hasattr(os, "setpriority"):
        os.setpriority(os.PRIO_PROCESS, 0, max(nice, os.getpriority(os.PRIO_PROCESS, 0)))
