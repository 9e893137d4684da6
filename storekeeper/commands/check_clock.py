"""``storekeeper check-clock``: what speaks for the clock and what against it, and an operator's word."""

from pathlib import Path

import click

from actions.clock.check import HINT, ClockCheck
from actions.clock.signs import find_witnesses
from actions.person import person
from actions.runner import now_here
from storekeeper.commands.common import config_option, read_config
from storekeeper.errors import ClockInDoubt
from storekeeper.shop import Shop


@click.command("check-clock")
@click.option(
    "--is-right",
    is_flag=True,
    help="Say, after a look at `date`, that the clock is right now, whatever the witnesses say.",
)
@config_option
def check_clock(config_file: Path | None, is_right: bool) -> None:
    """
    Tell whether the clock can be trusted for judging age, exit code 1 where it cannot.

    With --is-right an operator takes the doubt away; no playbook and no schedule can do that.
    """
    config = read_config(config_file)
    check = ClockCheck(config.state)
    if is_right:
        check.confirm(who=person())
        click.echo(f"taken as right: {now_here():%Y-%m-%d %H:%M:%S %z}")
        return
    shop = Shop.of(config)
    verdict = check.look(lambda now: find_witnesses(config, shop=shop, now=now), keep=False)
    if verdict.doubt:
        raise ClockInDoubt(f"the clock may be wrong: {verdict.doubt}", hint=HINT)
    why = "it goes on from the last moment at which it was right" if verdict.proven else "its witnesses agree"
    click.echo(f"the clock can be trusted: it says {now_here():%Y-%m-%d %H:%M:%S %z}, and {why}")
