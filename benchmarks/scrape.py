"""
A scrape of a large shop against scrapes of Debian's node_exporter and postgres_exporter.

``python -m benchmarks scrape`` makes a shop of 1,000,000 media files and 100 tables in PostgreSQL, runs the
three exporters beside each other and scrapes each of them ten times a second, in turn, as Prometheus does:
over a connection that stays open, with its headers. Our walks go on meanwhile, as they do in a shop.
Shop and exporters are gone afterwards.
"""

import itertools
import shutil
import statistics
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path

import click
from rich.console import Console
from rich.table import Table

from benchmarks import measure
from benchmarks.exporters import NODE, OURS, POSTGRESQL, Exporter, exporters, large_shop

SCRAPES_A_SECOND = 10


@click.command(name="scrape")
@click.option("--files", default=1_000_000, help="Files in the shop's media.")
@click.option("--orders", default=1000, help="Orders in the shop's database.")
@click.option("--tables", default=100, help="Tables in the shop's database.")
@click.option("--scrapes", default=300, help="Scrapes of each exporter in a round.")
@click.option("--rounds", default=measure.ROUNDS, help="Rounds that count.")
def command(files: int, orders: int, tables: int, scrapes: int, rounds: int) -> None:
    """Measure a scrape against scrapes of node_exporter and postgres_exporter."""
    folder = Path(tempfile.mkdtemp(prefix="storekeeper-benchmark-"))
    try:
        with (
            large_shop(folder, files=files, orders=orders, tables=tables) as shop,
            exporters(shop) as running,
        ):
            latencies = scraped(running, scrapes=scrapes, rounds=rounds)
    finally:
        shutil.rmtree(folder)
    table = Table(
        "latency of a scrape, time / peer",
        *(peer for peer in latencies[50] if peer != OURS),
        title=f"{files:,} files, {tables} tables, {SCRAPES_A_SECOND} scrapes a second:"
        " median of the rounds (lowest to highest)",
    )
    for percent, seconds in latencies.items():
        table.add_row(
            f"p{percent}", *(str(measure.ratio(seconds, of=OURS, to=peer)) for peer in (NODE, POSTGRESQL))
        )
    Console(width=150).print(table)


def main(arguments: list[str]) -> int:
    """Run the command with these words."""
    command.main(arguments, prog_name="python -m benchmarks scrape", standalone_mode=False)
    return 0


def scraped(
    running: Mapping[str, Exporter], *, scrapes: int, rounds: int
) -> dict[int, dict[str, list[float]]]:
    """Scrape all; give for the 50th and the 99th percentile the seconds of each side in each round."""
    results: dict[int, dict[str, list[float]]] = {
        percent: {name: [] for name in running} for percent in (50, 99)
    }
    # One short round that does not count: pages and plans are cached, connections are open.
    one_round(running, scrapes=SCRAPES_A_SECOND)
    for _ in range(rounds):
        for name, seconds in one_round(running, scrapes=scrapes).items():
            hundredths = statistics.quantiles(seconds, n=100, method="inclusive")
            for percent, sides in results.items():
                sides[name].append(hundredths[percent - 1])
    return results


def one_round(running: Mapping[str, Exporter], *, scrapes: int) -> dict[str, list[float]]:
    """Scrape all in turn at their rate, each time another one first; give the seconds of each scrape."""
    seconds: dict[str, list[float]] = {name: [] for name in running}
    orders = itertools.cycle(itertools.permutations(running))
    due = time.monotonic()
    for _, order in zip(range(scrapes), orders, strict=False):
        for name in order:
            seconds[name].append(running[name].scrape())
        due += 1 / SCRAPES_A_SECOND
        time.sleep(max(0.0, due - time.monotonic()))
    return seconds
