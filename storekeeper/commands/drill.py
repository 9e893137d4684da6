"""``storekeeper drill``: rehearse a recovery, or show what the rehearsals so far have found."""

import datetime as dt
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click

from actions.drill import DrillNotPassed
from actions.recovery.signing import read_envelope, verified_payload
from actions.table import ACTIONS
from storekeeper.commands.action import command_of
from storekeeper.commands.common import print_json, print_table, read_config
from storekeeper.measure.recovery import FOLDER, Drill, read_drills
from storekeeper.units import format_length

_HELP = "Show the drills so far, the newest first, with their trend, instead of a new one."


def _command() -> click.Command:
    command = command_of(ACTIONS["drill"])
    run = command.callback
    assert run is not None

    def drill(history: bool, **values: Any) -> None:
        if history:
            _show_history(values["config_file"], as_json=values["as_json"])
            return
        try:
            run(**values)
        except DrillNotPassed as error:
            if values["as_json"]:
                print_json({"dry_run": False, "summary": error.message, "details": {"record": error.record}})
            raise

    command.callback = drill
    command.params.insert(-1, click.Option(["--history"], is_flag=True, help=_HELP))
    return command


def _show_history(config_file: Path | None, *, as_json: bool) -> None:
    config = read_config(config_file)
    drills = list(reversed(read_drills(config.state)))
    signed = {one.path: _is_signed(one, folder=config.state / FOLDER) for one in drills}
    if as_json:
        print_json(
            [{**one.predicate, "evidence": str(one.path), "signature": signed[one.path]} for one in drills]
        )
        return
    if not drills:
        click.echo("there was no drill yet; storekeeper drill makes one")
        return
    rows = [("finished", "verdict", "took", "rows' age", "signature", "evidence")]
    print_table(rows + [_row(one, signed=signed[one.path]) for one in drills])
    click.echo(trend(drills))


def _row(one: Drill, *, signed: bool) -> tuple[str, ...]:
    return (
        f"{dt.datetime.fromtimestamp(one.finished).astimezone():%Y-%m-%d %H:%M}",
        one.verdict,
        f"{sum(one.durations.values()):.1f} s",
        format_length(one.age_seconds) if one.age_seconds is not None else "-",
        "good" if signed else "NOT of our key",
        one.path.name,
    )


def trend(drills: Sequence[Drill]) -> str:
    """Return how the newest drill that restored something compares with the one before; newest first."""
    restored = [one for one in drills if one.age_seconds is not None]
    verified = [one for one in drills if one.verdict == "verified"]
    told = f"{len(verified)} of {len(drills)} drills were verified"
    if len(restored) < 2:
        return told
    now, before = (sum(one.durations.values()) for one in restored[:2])
    change = now - before
    share = f" ({change / before:+.0%})" if before else ""
    return f"{told}; the newest took {change:+.1f} s{share} against the one before"


def _is_signed(one: Drill, *, folder: Path) -> bool:
    envelope = read_envelope(one.path)
    return envelope is not None and verified_payload(envelope, folder=folder) is not None


drill = _command()
