"""``storekeeper receiver``: takes Alertmanager's webhook and acts."""

from pathlib import Path
from typing import Any

import click

from actions.receiver.service import run_receiver
from storekeeper.commands.service_options import service_options, start_log
from storekeeper.config_file import find_config


@click.command()
@service_options
@click.option(
    "--web.token-file",
    "token_file",
    type=click.Path(path_type=Path, dir_okay=False),
    help="The file with the bearer token that callers must send; default: the config's receiver.token_file.",
)
def receiver(config_file: Path | None, log_level: str, log_format: str, **arguments: Any) -> None:
    """Take alerts from Alertmanager, keep them on disk, and run the matching playbooks."""
    start_log(level=log_level, format_name=log_format)
    run_receiver(find_config(config_file), **arguments)
