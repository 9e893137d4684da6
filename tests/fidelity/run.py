"""
Make shops at random in this process, back each up and restore it, and print what was not as before, as JSON.

    python -m tests.fidelity.run --folder DIR --packages DIR [--postgresql SOCKET] [--first N] [--count N]

In one process: to start Django for each of thousands of shops would take days.
"""

import argparse
import json
import os
import sys
import time
from pathlib import Path
from typing import Any

PROJECT = Path(__file__).with_name("project")


def main() -> None:
    """Run the rounds that the command line names."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--folder", type=Path, required=True)
    parser.add_argument("--packages", type=Path, required=True)
    parser.add_argument("--postgresql", default="")
    parser.add_argument("--first", type=int, default=0)
    parser.add_argument("--count", type=int, default=10)
    arguments = parser.parse_args()
    arguments.folder.mkdir(parents=True, exist_ok=True)
    os.environ["FIDELITY_FOLDER"] = str(arguments.folder)
    os.environ["FIDELITY_POSTGRESQL"] = arguments.postgresql
    os.environ["DJANGO_SETTINGS_MODULE"] = "fidelity_settings"
    sys.path.insert(0, str(PROJECT))
    sys.path.append(str(arguments.packages))
    import django

    django.setup()
    from django.core.management import call_command
    from django.db import connections

    began = time.monotonic()
    call_command("migrate", verbosity=0)
    connections.close_all()
    database = arguments.folder / "default.sqlite3"
    template = database.read_bytes() if not arguments.postgresql else b""
    result: dict[str, Any] = {"rounds": 0, "put": 0, "beside": 0, "problems": []}
    for seed in range(arguments.first, arguments.first + arguments.count):
        if template:
            connections.close_all()
            database.write_bytes(template)
        _one(seed, folder=arguments.folder, result=result)
        if len(result["problems"]) > int(os.environ.get("FIDELITY_MOST", "20")):
            break
    print(json.dumps({**result, "seconds": round(time.monotonic() - began, 1)}))


def _one(seed: int, *, folder: Path, result: dict[str, Any]) -> None:
    from tests.fidelity.round import Round

    made = Round(seed=seed, folder=folder)
    try:
        problems = list(made.problems())
    except Exception as error:
        if os.environ.get("FIDELITY_RAISE"):
            raise
        problems = [f"{type(error).__name__}: {error}"]
    result["rounds"] += 1
    result["put"] += made.put
    result["beside"] += made.beside
    result["problems"] += [f"round {seed}: {problem}" for problem in problems]


if __name__ == "__main__":
    main()
