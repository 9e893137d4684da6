"""
Lines lost and doubled while four processes write: rotate_logs beside ``logrotate`` with ``copytruncate``.

    python -m benchmarks.log_rotation [--size 1GB] [--lines 20000] [--rounds 3]

Each round begins with a log of that size. It starts four processes that write numbered lines through Django's
usual ``logging.FileHandler``, and rotates their log again and again until they have ended, once with each
program. Then every line, also of those from before, is looked for in the archives and the log. Prints one
JSON line for each program: rotations, lines lost, lines doubled, summed over all rounds. logrotate is the
Debian package of that name; without it only ours is measured.
"""

import argparse
import datetime as dt
import gzip
import json
import shutil
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from actions.action import Context
from actions.rotate_logs import RotateLogs
from storekeeper.config import parse_config
from storekeeper.shop import ShopDescription
from storekeeper.units import parse_size

WRITERS = 4

WRITE = """
import logging, sys, time
path, name, count = sys.argv[1:]
logging.basicConfig(
    handlers=[logging.FileHandler(path, encoding="utf-8")], level="INFO", format="%(asctime)s %(message)s"
)
for number in range(int(count)):
    logging.info("writer %s line %d", name, number)
    # So that they write while a large log is being packed, too.
    time.sleep(0.0005)
"""

# A line from before: of today, since archives of long ago go, and long, as addresses of requests make it.
OLD = (
    f"{dt.datetime.now().astimezone():%Y-%m-%d} 00:00:00,000 ".encode()
    + b"GET /products/?page=2 " * 40
    + b"writer old line %d\n"
)

LOGROTATE = """
{log} {{
    copytruncate
    compress
    rotate 100000
    dateext
    dateformat -%Y%m%d-%s
    missingok
}}
"""


def main(arguments: list[str] | None = None) -> int:
    """Run the rounds and print the losses."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").strip().partition("\n")[0])
    parser.add_argument("--lines", type=int, default=20_000, help="lines of each of the four writers")
    parser.add_argument("--size", type=parse_size, default="1GB", help="size of the log at the beginning")
    parser.add_argument("--rounds", type=int, default=3)
    given = parser.parse_args(arguments)
    sides: dict[str, Callable[[Path], Callable[[], None]]] = {"storekeeper rotate_logs": ours}
    if shutil.which("logrotate"):
        sides["logrotate copytruncate"] = theirs
    results = {name: Counter(rotations=0, lost=0, doubled=0) for name in sides}
    for _ in range(given.rounds):
        for name, make in sides.items():
            with tempfile.TemporaryDirectory() as folder:
                results[name] += measured(Path(folder), make=make, lines=given.lines, size=given.size)
    for name, result in results.items():
        written = given.rounds * (WRITERS * given.lines + old_lines(given.size))
        counts = {key: result[key] for key in ("rotations", "lost", "doubled")}
        print(json.dumps({"program": name, "lines": written, **counts}))
    return 0


def old_lines(size: int) -> int:
    """Give how many lines from before a log of that many bytes holds."""
    return size // len(OLD)


def measured(
    folder: Path, *, make: Callable[[Path], Callable[[], None]], lines: int, size: int
) -> "Counter[str]":
    """Write and rotate at once, then count."""
    logs = folder / "logs"
    logs.mkdir()
    log = logs / "django.log"
    with log.open("wb") as stream:
        stream.writelines(OLD % number for number in range(old_lines(size)))
    rotate = make(folder)
    writers = [
        subprocess.Popen([sys.executable, "-c", WRITE, log, str(number), str(lines)])
        for number in range(WRITERS)
    ]
    rotations = 0
    while any(writer.poll() is None for writer in writers):
        rotate()
        rotations += 1
    found = Counter(
        line.decode("utf-8", "replace").partition("writer ")[2].strip() for line in contents(logs)
    )
    expected = {f"{writer} line {number}" for writer in range(WRITERS) for number in range(lines)}
    expected |= {f"old line {number}" for number in range(old_lines(size))}
    # A line that was torn apart is found under no name: it counts as lost.
    lost = sum(1 for line in expected if line not in found)
    doubled = sum(found[line] - 1 for line in expected if found[line] > 1)
    return Counter(rotations=rotations, lost=lost, doubled=doubled)


def contents(logs: Path) -> Iterator[bytes]:
    """Give the lines of all archives in the order of their names, then of the log."""
    for path in sorted(logs.glob("*.gz")):
        with gzip.open(path) as archive:
            yield from archive
    with (logs / "django.log").open("rb") as log:
        yield from log


def ours(folder: Path) -> Callable[[], None]:
    """Give what rotates once with storekeeper."""
    text = f"shop: bench\nproject: {folder}\nstate: state\nareas: {{logs: {{path: logs}}}}\n"
    config = parse_config(text, name="bench", folder=folder, environment={})
    shop: Any = PlainShop()
    context = Context(
        config=config, shop=shop, now=lambda: dt.datetime.now().astimezone(), report=lambda _: None
    )
    action: Any = RotateLogs()
    options = action.Options(now=True)
    return lambda: action.perform(context, options, action.plan(context, options))


class PlainShop:
    """A project that has nothing but its log, which is a plain file."""

    def describe(self) -> ShopDescription:
        """Give the empty description."""
        return ShopDescription(
            django_version="",
            python_version="",
            settings_module="",
            time_zone="UTC",
            use_tz=True,
            base_dir=None,
            media_root=None,
            media_url="",
            static_root=None,
            static_dirs=(),
            log_files=(),
            databases={},
            models=(),
        )


def theirs(folder: Path) -> Callable[[], None]:
    """Give what rotates once with logrotate."""
    config = folder / "logrotate.conf"
    config.write_text(LOGROTATE.format(log=folder / "logs" / "django.log"))
    config.chmod(0o644)

    def rotate() -> None:
        # It refuses a second archive within the same second, which is no error here.
        subprocess.run(
            ["logrotate", "--force", "--state", folder / "state", config], check=False, capture_output=True
        )

    return rotate


if __name__ == "__main__":
    sys.exit(main())
