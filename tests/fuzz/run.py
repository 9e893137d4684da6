"""
Search for inputs that break a target, guided by coverage: ``make fuzz [FUZZ_SECONDS=600]``.

    python tests/fuzz/run.py TARGET [--seconds 600] [--work FOLDER]

Inputs that reach new code are kept in the work folder, and a later search goes on from them. An input that
breaks something stops the search with 77 and lies beside them; it belongs into ``tests/fuzz/corpus``.
"""

import argparse
import json
import logging
import sys
import tempfile
from pathlib import Path

import atheris

HERE = Path(__file__).parent
INSTRUMENTED = [
    "actions.receiver",
    "h11",
    "starlette",
    "storekeeper.config",
    "storekeeper.web",
    "uvicorn",
    "yaml",
]
LOOK_EVERY = 2000
MOST_BYTES = 16_384
MOST_MEMORY_MB = 1024
HANG_SECONDS = 25


def main() -> None:
    """Search until the time is over."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").strip().partition("\n")[0])
    parser.add_argument("target", choices=("payload", "web_config", "application", "http"))
    parser.add_argument("--seconds", type=int, default=600)
    parser.add_argument("--work", type=Path, default=Path(".fuzz"))
    given = parser.parse_args()
    logging.disable(logging.CRITICAL)
    sys.path.insert(0, str(HERE))
    with atheris.instrument_imports(include=INSTRUMENTED):
        import targets
    kept = given.work / given.target
    kept.mkdir(parents=True, exist_ok=True)
    target = targets.targets(Path(tempfile.mkdtemp(prefix="fuzz-")))[given.target]
    memory = (given.work / f"{given.target}.memory.jsonl").open("w")
    runs = 0

    def counted(data: bytes) -> None:
        nonlocal runs
        target(data)
        runs += 1
        if runs % LOOK_EVERY == 0:
            print(json.dumps({"runs": runs, "memory_bytes": memory_bytes()}), file=memory, flush=True)

    options = [
        f"-max_total_time={given.seconds}",
        f"-max_len={MOST_BYTES}",
        f"-rss_limit_mb={MOST_MEMORY_MB}",
        f"-timeout={HANG_SECONDS}",
        f"-artifact_prefix={given.work}/{given.target}-",
        f"-dict={HERE / 'words.dict'}",
        "-print_final_stats=1",
        "-verbosity=1",
    ]
    atheris.Setup([sys.argv[0], *options, str(kept), str(HERE / "corpus" / given.target)], counted)
    atheris.Fuzz()


def memory_bytes() -> int:
    """Give the memory of this process as it is now."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith("VmRSS:"))


if __name__ == "__main__":
    main()
