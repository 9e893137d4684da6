"""``storekeeper checklist``: the guide's checklists, each line answered by a measurement."""

from pathlib import Path
from typing import Any

import click
from rich.text import Text

from actions.action import Context
from actions.runner import now_here
from exporter.measure import measure_once
from storekeeper.commands.checks.line import Evidence, Line, State
from storekeeper.commands.checks.lists import LISTS, answer_all
from storekeeper.commands.common import (
    config_option,
    console,
    json_option,
    print_json,
    printable,
    read_config,
)
from storekeeper.shop import Shop

_COLOURS = {State.OK: "green", State.LOOK: "yellow", State.FAILED: "red"}


@click.command()
@click.option("--daily", is_flag=True, help="Logs, disks, the last backup, failed runs (the default).")
@click.option(
    "--weekly", is_flag=True, help="QR codes, limits, logs, large files, backups elsewhere, leftovers."
)
@click.option("--monthly", is_flag=True, help="Report, archives, retention, orphans, growth.")
@click.option("--quarterly", is_flag=True, help="Optimisation, unused data, trial restore, growth.")
@json_option
@config_option
def checklist(config_file: Path | None, as_json: bool, **chosen: bool) -> None:
    """Answer the chosen checklists by measuring; exit code 1 when a line needs a person, 0 when none does."""
    config = read_config(config_file)
    shop = Shop.of(config)
    evidence = Evidence(
        config=config,
        measured=measure_once(config, describe=shop.describe),
        context=Context(config=config, shop=shop, now=now_here, report=lambda _: None),
        now=now_here(),
    )
    names = [name for name in LISTS if chosen[name]] or ["daily"]
    answered = {name: answer_all(LISTS[name], evidence) for name in names}
    if as_json:
        print_json({name: [_as_json(line) for line in lines] for name, lines in answered.items()})
    else:
        for name, lines in answered.items():
            _print(name, lines)
    needs_person = any(line.answer.state is not State.OK for lines in answered.values() for line in lines)
    raise SystemExit(1 if needs_person else 0)


def _as_json(line: Line) -> dict[str, Any]:
    return {
        "question": line.question,
        "state": line.answer.state.value,
        "measured": line.answer.measured,
        "command": line.answer.command,
    }


def _print(name: str, lines: list[Line]) -> None:
    out = console()
    out.print(Text(name.capitalize(), style="bold"))
    for line in lines:
        state = line.answer.state
        text = Text("  ")
        text.append(f"{state.value:<6}", style=_COLOURS[state])
        text.append(f" {line.question:<34} {printable(line.answer.measured)}")
        out.print(text, soft_wrap=True)
        if line.answer.command:
            out.print(Text(f"{'':<9}→ {printable(line.answer.command)}", style="bold"), soft_wrap=True)
    click.echo()
