"""
``storekeeper approve RUN`` and ``storekeeper cancel RUN``: a person's word about a run.

They write into the ledger, not to the receiver's web address: whoever may write that file may decide, so
there is no second secret to hand out, the name that is kept is the one of the system's user, and it works
while the receiver is down. The receiver looks into the ledger every few seconds.
"""

from collections.abc import Callable
from pathlib import Path

import click

from actions.ledger.file import LedgerFile
from actions.ledger.history import find_run
from actions.ledger.ledger import Ledger
from actions.ledger.schema import RunState
from actions.person import person
from actions.runner import now_here
from storekeeper.commands.common import config_option, json_option, print_json, read_config
from storekeeper.errors import StorekeeperError

run_argument = click.argument("run_id", metavar="RUN")


@click.command()
@run_argument
@json_option
@config_option
def approve(run_id: str, as_json: bool, config_file: Path | None) -> None:
    """Let a run go on that waits for a person; `storekeeper runs` names those that wait."""

    def decide(ledger: Ledger, who: str) -> str:
        if not ledger.approve(run_id, who=who):
            raise StorekeeperError(
                f"run {run_id} does not wait for approval", hint=f"See storekeeper runs {run_id}"
            )
        return "approved; it goes on within seconds while the receiver runs, else after its start"

    _decide(run_id, decide, as_json=as_json, config_file=config_file)


@click.command()
@run_argument
@json_option
@config_option
def cancel(run_id: str, as_json: bool, config_file: Path | None) -> None:
    """Cancel a run: at once while it waits, at its next safe point when it is at work."""

    def decide(ledger: Ledger, who: str) -> str:
        state = ledger.cancel(run_id, who=who)
        if state is None:
            raise StorekeeperError(f"run {run_id} has ended already", hint=f"See storekeeper runs {run_id}")
        return "cancelled" if state is RunState.CANCELLED else "cancelled; it stops at its next safe point"

    _decide(run_id, decide, as_json=as_json, config_file=config_file)


def _decide(
    run_id: str, decide: Callable[[Ledger, str], str], *, as_json: bool, config_file: Path | None
) -> None:
    """Check that there is such a run, decide, and tell what came of it."""
    file = LedgerFile(read_config(config_file).state)
    try:
        # Asked first: opening a ledger makes one, and a mistyped config must not.
        if not file.path.exists() or find_run(file, run_id) is None:
            raise StorekeeperError(f"there is no run {run_id}", hint="storekeeper runs lists them")
        told = decide(Ledger(file, now=now_here), person())
        if as_json:
            print_json(find_run(file, run_id))
        else:
            click.echo(f"run {run_id}: {told}")
    finally:
        file.close()
