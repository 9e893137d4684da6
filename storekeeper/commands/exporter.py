"""``storekeeper exporter``: the metrics of one shop for Prometheus."""

from pathlib import Path
from typing import Any

import click

from exporter.run import run_exporter
from storekeeper.commands.service_options import service_options, start_log
from storekeeper.config import Config
from storekeeper.config_file import find_config
from storekeeper.shop import Shop, ShopDescription


@click.command()
@service_options
@click.option(
    "--web.telemetry-path",
    "telemetry_path",
    default="/metrics",
    show_default=True,
    help="Where the metrics are.",
)
@click.option(
    "--textfile",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Measure once, write the page there for node_exporter's textfile collector, and end.",
)
def exporter(config_file: Path | None, log_level: str, log_format: str, **arguments: Any) -> None:
    """Serve the shop's metrics to Prometheus; reads only."""
    start_log(level=log_level, format_name=log_format)
    run_exporter(find_config(config_file), describe=describe, **arguments)


def describe(config: Config) -> ShopDescription:
    """Ask the shop of a config about itself."""
    return Shop.of(config).describe()
