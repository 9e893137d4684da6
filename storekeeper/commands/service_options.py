"""The flags that exporter and receiver share, in the manner of Prometheus' own programs."""

from collections.abc import Callable
from pathlib import Path
from types import MappingProxyType
from typing import Any, TypeVar

import click

from storekeeper.commands.common import config_option
from storekeeper.log import FORMATS, set_up_logging

# Prometheus' word → Python's.
LEVELS = MappingProxyType({"debug": "debug", "info": "info", "warn": "warning", "error": "error"})

Decorated = TypeVar("Decorated", bound=Callable[..., Any])


def service_options(function: Decorated) -> Decorated:
    """Add the flags of a service to a command."""
    for option in reversed(
        (
            config_option,
            click.option(
                "--web.listen-address",
                "listen",
                multiple=True,
                metavar="ADDRESS",
                help="Where to listen, such as :9731 or 127.0.0.1:9731; repeatable. Default: the config's.",
            ),
            click.option(
                "--web.config.file",
                "web_config_file",
                type=click.Path(path_type=Path, dir_okay=False),
                help="TLS and users, in the format of Prometheus' exporter-toolkit.",
            ),
            click.option(
                "--log.level",
                "log_level",
                type=click.Choice(list(LEVELS)),
                default="info",
                show_default=True,
                help="The least that is logged.",
            ),
            click.option(
                "--log.format",
                "log_format",
                type=click.Choice(sorted(FORMATS)),
                default="logfmt",
                show_default=True,
                help="How a line of the log is written.",
            ),
        )
    ):
        function = option(function)
    return function


def start_log(*, level: str, format_name: str) -> None:
    """Begin the service's log as its flags say."""
    set_up_logging(level=LEVELS[level], format_name=format_name)
