"""``storekeeper runs``: what ran, why, and what it freed."""

from pathlib import Path
from typing import Any

import click

from actions.ledger.history import read_run, read_runs
from storekeeper.commands.common import config_option, json_option, print_json, print_table, read_config
from storekeeper.errors import StorekeeperError
from storekeeper.units import format_size


@click.command()
@click.argument("run_id", metavar="[ID]", required=False)
@click.option("--most", type=click.IntRange(1), default=20, show_default=True, help="How many runs to list.")
@json_option
@config_option
def runs(run_id: str | None, most: int, as_json: bool, config_file: Path | None) -> None:
    """Show the history of runs, newest first, or one run with its steps and log."""
    config = read_config(config_file)
    if run_id is None:
        found = read_runs(config, most=most)
        if as_json:
            print_json(found)
        elif found:
            print_table([("run", "started", "what", "why", "state", "freed", "outcome"), *map(_row, found)])
        else:
            click.echo("nothing has run yet")
        return
    run = read_run(config, run_id)
    if run is None:
        raise StorekeeperError(f"there is no run {run_id}", hint="storekeeper runs lists them")
    if as_json:
        print_json(run)
    else:
        _print_run(run)


def _row(run: dict[str, Any]) -> tuple[str, ...]:
    return (
        run["id"],
        run["started"] or "-",
        ", ".join(step["action"] for step in run["steps"]),
        run["reason"],
        run["state"],
        format_size(run["freed_bytes"]),
        run["summary"] or run["error"] or "",
    )


def _print_run(run: dict[str, Any]) -> None:
    for name in ("id", "reason", "state", "accepted", "started", "finished", "summary", "error"):
        if run.get(name):
            click.echo(f"{name:>9}  {run[name]}")
    click.echo(f"{'freed':>9}  {format_size(run['freed_bytes'])}")
    for step in run["steps"]:
        click.echo(f"\nstep {step['index'] + 1}: {step['action']} {step['options'] or ''} {step['state']}")
        for line in step["log"]:
            click.echo(f"  {line}")
