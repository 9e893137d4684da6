"""
Prove that each mutant of the table is noticed: ``python tests/mutants/run.py [NAME …]``, or ``make mutants``.

In a copy of the checkout each row's tests first pass as the code is; then its check is taken out, and they
must fail. The checkout itself is not touched. Ends with 1 when a mutant lives, with the names of all that do.
"""

import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))
from tests.mutants.table import CHECKOUT, Mutant, read_table

# pytest's word for: tests ran, and some failed. A mutant that cannot even be collected proves nothing.
FAILED = 1
TIMEOUT_SECONDS = 900


def main(names: list[str]) -> int:
    """Try all mutants, or those that are named; return the exit code."""
    table = read_table()
    if unknown := set(names) - {mutant.name for mutant in table}:
        print(f"no mutant {', '.join(sorted(unknown))}; there are: {', '.join(one.name for one in table)}")
        return 2
    living = []
    passing: set[tuple[str, ...]] = set()
    with tempfile.TemporaryDirectory(prefix="storekeeper-mutants-") as folder:
        copy = copied(Path(folder))
        for mutant in table:
            if names and mutant.name not in names:
                continue
            began = time.monotonic()
            verdict = tried(mutant, copy=copy, passing=passing)
            living += [mutant.name] if verdict != "killed" else []
            print(f"{verdict:8} {mutant.name} ({mutant.file}), {time.monotonic() - began:.0f} s", flush=True)
    print(f"{len(living)} of {len(names or table)} mutants live: {', '.join(living) or 'none'}")
    return 1 if living else 0


def tried(mutant: Mutant, *, copy: Path, passing: set[tuple[str, ...]]) -> str:
    """Return "killed" when the row's tests pass as the code is and fail without its check, else why not."""
    if mutant.occurrences(copy) != 1:
        return "stale"
    if mutant.tests not in passing:
        if run(mutant.tests, copy=copy) != 0:
            return "broken"
        passing.add(mutant.tests)
    path = copy / mutant.file
    text = path.read_text("utf-8")
    path.write_text(text.replace(mutant.was, mutant.became), "utf-8")
    try:
        code = run(mutant.tests, copy=copy)
    finally:
        path.write_text(text, "utf-8")
    return {FAILED: "killed", 0: "lives"}.get(code, "broken")


def run(tests: tuple[str, ...], *, copy: Path) -> int:
    """Return pytest's exit code for these words in the copy."""
    command = [sys.executable, "-m", "pytest", "-q", "-x", "-p", "no:cacheprovider", *tests]
    # Before the checkout, which the environment has installed in place.
    environment = {**os.environ, "PYTHONPATH": str(copy), "PYTHONDONTWRITEBYTECODE": "1"}
    try:
        return subprocess.run(
            command,
            cwd=copy,
            env=environment,
            stdout=subprocess.DEVNULL,
            timeout=TIMEOUT_SECONDS,
            check=False,
        ).returncode
    except subprocess.TimeoutExpired:
        # What hangs without its check is noticed as well.
        return FAILED


def copied(folder: Path) -> Path:
    """Return a copy of the checkout: what git knows, and what is new and not ignored."""
    names = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=CHECKOUT,
        capture_output=True,
        check=True,
    ).stdout.split(b"\0")
    for name in map(os.fsdecode, filter(None, names)):
        if (CHECKOUT / name).is_file():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(CHECKOUT / name, folder / name)
    return folder


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
