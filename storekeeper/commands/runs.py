"""``storekeeper runs``: what ran, why, what it freed, who decided about it, and what waits for a person."""

import datetime as dt
from pathlib import Path
from typing import Any

import click

from actions.ledger.history import read_run, read_runs, read_waiting
from storekeeper.commands.common import (
    config_option,
    json_option,
    print_json,
    print_table,
    printable,
    read_config,
)
from storekeeper.config import Config
from storekeeper.errors import StorekeeperError
from storekeeper.units import format_size

TIMES = ("accepted", "started", "finished")


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
            _print_waiting(read_waiting(config), config=config)
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
        _moment(run["started"]) or "-",
        ", ".join(step["action"] for step in run["steps"]),
        run["reason"],
        run["state"],
        format_size(run["freed_bytes"]),
        "; ".join((run["summary"] or run["error"] or "").splitlines()),
    )


def _moment(text: str | None) -> str:
    """Give a moment of the history as a person here reads it, ``""`` for none."""
    return f"{dt.datetime.fromisoformat(text).astimezone():%Y-%m-%d %H:%M:%S}" if text else ""


def _print_waiting(waiting: list[dict[str, Any]], *, config: Config) -> None:
    for run in waiting:
        step = next(step["action"] for step in run["steps"] if step["state"] == "waiting")
        since = dt.datetime.fromisoformat(run["waiting_since"])
        # As long after its begin as the expiry lies before now.
        now = dt.datetime.now(dt.UTC)
        until = since + (now - config.receiver.approval_expiry.before(now))
        click.echo(
            f"\nrun {run['id']} waits for a person before {step}, until"
            f" {until.astimezone():%Y-%m-%d %H:%M}:\n"
            f"  storekeeper approve {run['id']}\n"
            f"  storekeeper cancel {run['id']}"
        )


def _print_run(run: dict[str, Any]) -> None:
    for name in ("id", "reason", "state", "accepted", "started", "finished", "summary", "error"):
        if run.get(name):
            first, *more = str(run[name]).splitlines()
            click.echo(f"{name:>9}  {_moment(first) if name in TIMES else first}")
            for line in more:
                click.echo(f"{'':>9}  {line}")
    click.echo(f"{'freed':>9}  {format_size(run['freed_bytes'])}")
    for decision in run["decisions"]:
        click.echo(f"{decision['what']:>9}  by {printable(decision['who'])} at {_moment(decision['time'])}")
    for step in run["steps"]:
        click.echo(f"\nstep {step['index'] + 1}: {step['action']} {step['options'] or ''} {step['state']}")
        for line in step["log"]:
            click.echo(f"  {line}")
