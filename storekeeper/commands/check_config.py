"""``storekeeper check-config``: every problem of the config at once, and nothing else."""

from pathlib import Path

import click

from actions.playbooks import check_playbooks
from storekeeper.commands.common import config_option, print_json
from storekeeper.config import Config, find_config, load_config
from storekeeper.errors import ConfigurationError


@click.command("check-config")
@click.option(
    "--schema", is_flag=True, help="Print the JSON Schema of the config, for editors; check nothing."
)
@config_option
def check_config(config_file: Path | None, schema: bool) -> None:
    """Check the config and tell every problem in it; exit code 2 when there is one."""
    if schema:
        print_json(Config.model_json_schema())
        return
    path = find_config(config_file)
    config = load_config(path)
    problems = check_playbooks(config)
    if problems:
        count = f"{len(problems)} problem{'s' if len(problems) > 1 else ''}"
        raise ConfigurationError(f"{path} has {count}:", problems=problems)
    click.echo(f"{path} is in order: {len(config.databases)} databases, {len(config.areas)} areas")
