"""One command for each action: its options, ``--dry-run`` and ``--json``."""

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click
from pydantic import ValidationError

from actions.action import Action, Plan
from actions.clock.check import HINT
from actions.runner import Performed, run_by_hand
from storekeeper.commands.common import config_option, print_json, print_table, read_config
from storekeeper.commands.options import options_of
from storekeeper.commands.progress import ProgressDisplay
from storekeeper.config import Config

# What a person reads; --json gives everything.
ROWS_SHOWN = 40


def command_of(action: Action[Any, Any], *, config_for: Callable[..., Config] | None = None) -> click.Command:
    """
    Return the command that runs the action.

    ``config_for(config_file, options, dry_run=…)`` gives the config of one that may run where there is none.
    """

    def run(config_file: Path | None, dry_run: bool, as_json: bool, **values: Any) -> None:
        config = read_config(config_file) if config_for is None else None
        try:
            options = action.Options.model_validate(values)
        except ValidationError as error:
            raise click.UsageError("; ".join(_told(problem) for problem in error.errors())) from None
        if config is None:
            assert config_for is not None
            config = config_for(config_file, options, dry_run=dry_run)
        with ProgressDisplay(action.name) as progress:
            done = run_by_hand(
                action,
                config=config,
                options=options,
                dry_run=dry_run,
                report=progress,
                ask=_asking(progress) if sys.stdin.isatty() and sys.stderr.isatty() else None,
            )
        if as_json:
            print_json(_as_json(done))
        else:
            _print(done)

    return click.Command(
        action.name,
        callback=run,
        help=action.summary,
        params=[
            *options_of(action.Options),
            click.Option(
                ["--dry-run", "dry_run"], is_flag=True, help="Show what would be done; change nothing."
            ),
            click.Option(["--json", "as_json"], is_flag=True, help="Print JSON for a script."),
            *getattr(config_option(lambda: None), "__click_params__", []),
        ],
    )


def _asking(progress: ProgressDisplay) -> Callable[[str, Plan], bool]:
    """Return the function that shows a plan at the terminal and asks about it; enter alone means no."""

    def ask(question: str, plan: Plan) -> bool:
        with progress.paused():
            print_table(plan.rows(), most=ROWS_SHOWN, errors=True)
            return click.confirm(question, err=True)

    return ask


def _told(problem: Any) -> str:
    return (
        f"--{'.'.join(str(part) for part in problem['loc']).rstrip('_').replace('_', '-')}: {problem['msg']}"
    )


def _as_json(done: Performed) -> dict[str, Any]:
    outcome = done.outcome
    if outcome is None:
        doubt = {"clock_doubt": done.clock_doubt} if done.clock_doubt else {}
        return {"dry_run": True, "plan": done.plan.as_json(), **doubt}
    return {
        "dry_run": False,
        "summary": outcome.summary,
        "freed_bytes": outcome.freed_bytes,
        "changed": outcome.changed,
        "created": [str(path) for path in outcome.created],
        "details": dict(outcome.details),
    }


def _print(done: Performed) -> None:
    plan, outcome = done.plan, done.outcome
    rows = plan.rows()
    # A plan without anything to do has still something to tell: what was found, or left and why.
    if (outcome is None or plan.empty) and len(rows) > 1:
        print_table(rows, most=ROWS_SHOWN)
    click.echo(f"dry run: {plan.summary}" if outcome is None else outcome.summary)
    if done.clock_doubt:
        click.echo(f"it would stop: the clock may be wrong: {done.clock_doubt}\n{HINT}")
