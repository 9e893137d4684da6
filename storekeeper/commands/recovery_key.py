"""``storekeeper recovery-key``: make the key pair that off-site copies are encrypted with."""

import datetime as dt
from pathlib import Path
from typing import Final

import click

from storekeeper.encryption.new_key import make_key

_ONLY: Final = "{file} is the only thing that opens what is encrypted to it. Now:"
_CONFIG: Final = """\
put the recipient into storekeeper.yml:
       backups:
         encrypt: {{recipients: [{recipient}]}}"""
_AWAY: Final = """\
bring the file to two places away from this machine: a password manager, and a sheet of paper in a safe
     (it is one line of 74 characters). Who has no key has no backup."""
_TRY: Final = "try it from there: age-keygen -y FILE prints the recipient."
_REMOVE: Final = "remove it here: rm {file}"


def what_to_do(recipient: str, *, file: Path | None, in_config: bool = False) -> str:
    """Return what a person does with a new key; ``in_config`` where the recipient is there already."""
    steps = [*([] if in_config else [_CONFIG]), _AWAY, _TRY, *([_REMOVE] if file else [])]
    lines = [_ONLY, *(f"  {number}. {step}" for number, step in enumerate(steps, start=1))]
    return "\n".join(lines).format(file=file or "What was just written", recipient=recipient)


@click.command("recovery-key")
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False, allow_dash=True))
def recovery_key(file: Path) -> None:
    """
    Make a key pair of age: write its secret half to FILE, and print what to do with both.

    With - for FILE the secret half goes to standard output, as for a printer. Any age tool reads it.
    """
    path = None if str(file) == "-" else file
    recipient = make_key(path, now=dt.datetime.now(tz=dt.UTC))
    # The secret half alone goes to a printer.
    click.echo(f"recipient: {recipient}", err=path is None)
    click.echo(what_to_do(recipient, file=path), err=path is None)
