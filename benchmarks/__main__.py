"""Run the benchmarks: ``python -m benchmarks [NAME] [its options]``; without a name, each once."""

import importlib
import sys

# Name: the module, whose ``main`` takes the remaining words of the command line.
BENCHMARKS = {
    "backups": "benchmarks.backups",
    "cleanup": "benchmarks.cleanup",
    "log_rotation": "benchmarks.log_rotation",
    "receiver": "benchmarks.receiver",
    "scanner": "benchmarks.scanner",
    "scrape": "benchmarks.scrape",
}


def main(arguments: list[str]) -> int:
    """Run the named benchmark, or all with their own defaults; give the exit code."""
    if arguments and not arguments[0].startswith("-"):
        name, *rest = arguments
        if name not in BENCHMARKS:
            print(f"There is no benchmark {name!r}; there are: {', '.join(BENCHMARKS)}", file=sys.stderr)
            return 2
        return int(importlib.import_module(BENCHMARKS[name]).main(rest) or 0)
    return max(int(importlib.import_module(module).main(arguments) or 0) for module in BENCHMARKS.values())


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
