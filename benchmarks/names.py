"""
The search for names of files in all texts of a database, against ``grep -F`` over the same texts in a file.

    python -m benchmarks names [--files 100000] [--megabytes 200] [--rounds 3]

grep reads a plain file and finds names as they are written. storekeeper reads the tables, and finds each name
also in percent signs, HTML entities, JSON escapes and whatever case. A loop in Python that looks for one name
after the other is timed on a small part and told for the whole. Prints one JSON line: seconds and ratios.
"""

import argparse
import json
import os
import random
import resource
import sqlite3
import subprocess
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from urllib.parse import quote

from storekeeper.config import parse_config
from storekeeper.measure.names_in_databases import find_names
from storekeeper.shop import ShopDescription

WORDS = 5000
TEXT_CHARACTERS = 4000
LOOP_FILES = 200


def main(arguments: Sequence[str]) -> int:
    """Make the texts, search them both ways, and print the best of each; return the exit code."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").strip().partition("\n")[0])
    parser.add_argument("--files", type=int, default=100_000)
    parser.add_argument("--megabytes", type=float, default=200)
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args(arguments)
    rng = random.Random(1)
    words = ["".join(rng.choices("abcdefghijklmnopqrstuvwxyz", k=rng.randint(2, 9))) for _ in range(WORDS)]
    files = [
        f"products/{rng.choice(words)}_{rng.choice(words)} {number}.jpg" for number in range(options.files)
    ]
    with tempfile.TemporaryDirectory() as folder:
        base = Path(folder)
        named = _fill(base, rng, words=words, files=files, megabytes=options.megabytes)
        (base / "names.txt").write_text("".join(f"{name.rpartition('/')[2]}\n" for name in files))
        ours, greps = [], []
        for _ in range(options.rounds):
            begin = time.perf_counter()
            found = _search(base, files)
            ours.append(time.perf_counter() - begin)
            begin = time.perf_counter()
            grepped = _grep(base)
            greps.append(time.perf_counter() - begin)
        loop = _loop(base, files)
    print(
        json.dumps(
            {
                "benchmark": "names",
                "files": options.files,
                "megabytes": options.megabytes,
                "search_seconds": round(min(ours), 3),
                "grep_seconds": round(min(greps), 3),
                "ratio": round(min(ours) / min(greps), 2),
                "loop_seconds": round(loop, 1),
                "loop_ratio": round(min(ours) / loop, 4),
                "found": found,
                "found_by_grep": grepped,
                "memory_megabytes": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024,
            }
        )
    )
    return 0 if found == named else 1


def _fill(base: Path, rng: random.Random, *, words: list[str], files: list[str], megabytes: float) -> int:
    """Write the texts into a table and into a file; return how many files they name."""
    named: set[str] = set()
    size = 0
    connection = sqlite3.connect(base / "db.sqlite3")
    with connection, (base / "texts.txt").open("w") as plain:
        connection.execute("CREATE TABLE page (id INTEGER PRIMARY KEY, title TEXT, body TEXT, day DATETIME)")
        while size < megabytes * 1e6:
            file = rng.choice(files)
            named.add(file)
            path = file if rng.random() < 0.5 else quote(file)
            body = " ".join(rng.choices(words, k=TEXT_CHARACTERS // 6))
            text = f'<p>{body}</p><img src="/media/{path}" alt="more &amp; more">'
            size += len(text)
            connection.execute(
                "INSERT INTO page (title, body, day) VALUES (?, ?, '2026-01-01 10:00:00')", ("a title", text)
            )
            plain.write(text + "\n")
    connection.close()
    return len(named)


def _search(base: Path, files: list[str]) -> int:
    database = {"ENGINE": "django.db.backends.sqlite3", "NAME": str(base / "db.sqlite3")}
    empty = dict.fromkeys(("base_dir", "media_root", "static_root"))
    description = ShopDescription.model_validate(
        {
            **empty, "django_version": "", "python_version": "", "settings_module": "", "time_zone": "UTC",
            "use_tz": True, "media_url": "", "static_dirs": [], "log_files": [], "models": [],
            "databases": {"default": database},
        }
    )  # fmt: skip
    config = parse_config("shop: bench\n", name="bench", folder=base)
    return len(find_names(files, config=config, description=description).places)


def _grep(base: Path) -> int:
    done = subprocess.run(
        ["grep", "-F", "-o", "-f", base / "names.txt", base / "texts.txt"],
        env={**os.environ, "LC_ALL": "C"},
        stdout=subprocess.PIPE,
        check=True,
    )
    return len(set(done.stdout.splitlines()))


def _loop(base: Path, files: list[str]) -> float:
    """Return the seconds that looking for one name after the other would take."""
    text = (base / "texts.txt").read_text()
    part = files[:LOOP_FILES]
    begin = time.perf_counter()
    for file in part:
        _ = file.rpartition("/")[2] in text
    return (time.perf_counter() - begin) * len(files) / len(part)
