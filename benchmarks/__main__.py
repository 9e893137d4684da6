"""
Run the benchmarks: ``python -m benchmarks [--small] [NAME] [its options]``; without a name, each once.

``--small`` takes the smallest sizes that go all the way through: its figures mean nothing, its end does.
"""

import importlib
import sys
from collections.abc import Mapping, Sequence

# Name: the module, whose ``main`` takes the remaining words of the command line and returns the exit code.
BENCHMARKS: Mapping[str, str] = {
    "backups": "benchmarks.backups",
    "cleanup": "benchmarks.cleanup",
    "log_rotation": "benchmarks.log_rotation",
    "media": "benchmarks.media",
    "names": "benchmarks.names",
    "receiver": "benchmarks.receiver",
    "scanner": "benchmarks.scanner",
    "scrape": "benchmarks.scrape",
}
# What --small says to each.
SMALL: Mapping[str, Sequence[str]] = {
    "backups": ("--orders=10", "--rounds=1", "--database=sqlite"),
    "cleanup": ("--files=50", "--rounds=1"),
    "log_rotation": ("--size=1MB", "--lines=100", "--rounds=1"),
    "media": ("--size=2MB", "--runs=2"),
    "names": ("--files=200", "--megabytes=0.1", "--rounds=1"),
    "receiver": ("--alerts=40", "--seconds=0.5", "--not-timed"),
    "scanner": ("--files=500", "--rounds=1", "--settle-seconds=0.2"),
    "scrape": ("--files=500", "--orders=10", "--tables=30", "--scrapes=3", "--rounds=1"),
}


def main(arguments: Sequence[str]) -> int:
    """Run the named benchmark, or all with their own defaults; return the exit code."""
    small = arguments[:1] == ["--small"]
    words = list(arguments[1:] if small else arguments)
    names = list(BENCHMARKS)
    if words and not words[0].startswith("-"):
        names = [words.pop(0)]
        if names[0] not in BENCHMARKS:
            print(f"There is no benchmark {names[0]!r}; there are: {', '.join(BENCHMARKS)}", file=sys.stderr)
            return 2
    return max(_run(name, [*(SMALL[name] if small else ()), *words]) for name in names)


def _run(name: str, words: list[str]) -> int:
    return int(importlib.import_module(BENCHMARKS[name]).main(words))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
