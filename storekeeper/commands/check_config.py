"""``storekeeper check-config``: every problem of the config at once, and nothing else."""

import os
from collections.abc import Iterator
from pathlib import Path

import click

from actions.media.approvals import Approvals
from actions.playbooks import check_playbooks
from storekeeper.commands.common import config_option, print_json
from storekeeper.commands.media_notes import media_notes
from storekeeper.config import Config, load_config
from storekeeper.config_file import find_config
from storekeeper.databases.resolve import resolve_server
from storekeeper.encryption.identities import IDENTITY_VARIABLE
from storekeeper.encryption.stray_keys import find_stray_identities
from storekeeper.errors import ConfigurationError, ShopError, StorekeeperError
from storekeeper.measure.not_measured import not_measured
from storekeeper.shop import Shop, ShopDescription
from storekeeper.shop.qr_sources import problem_of


@click.command("check-config")
@click.option(
    "--schema", is_flag=True, help="Print the JSON Schema of the config, for editors; check nothing."
)
@config_option
def check_config(config_file: Path | None, schema: bool) -> None:
    """Check the config and tell every problem in it, exit code 2 when there is one; note what is missing."""
    if schema:
        # Loaded where it is used: most checks print no schema.
        from storekeeper.config.schema import config_schema

        print_json(config_schema())
        return
    path = find_config(config_file)
    config = load_config(path)
    description, silence = _ask_shop(config)
    problems = (*check_playbooks(config), *_problems_with(config, description))
    if problems:
        count = f"{len(problems)} problem{'s' if len(problems) > 1 else ''}"
        raise ConfigurationError(f"{path} has {count}:", problems=problems)
    names = ", ".join((*(f"database {name}" for name in config.databases), *config.areas))
    click.echo(f"{path} is in order: {names or 'it names nothing to look after'}")
    for note in (
        *_notes(config),
        *_trial_server(config),
        *_encryption(config),
        *silence,
        *_approvals(config),
    ):
        click.echo(f"note: {note}")


def _ask_shop(config: Config) -> tuple[ShopDescription | None, tuple[str, ...]]:
    """Return what the shop says of itself where that is needed, and what to note where it says nothing."""
    if not any(kind.model for kind in config.qr_codes.values()):
        return None, ()
    try:
        return Shop.of(config).describe(), ()
    except (ShopError, OSError) as error:
        words = error.message if isinstance(error, ShopError) else str(error)
        return None, (f"qr_codes: the shop cannot be asked about its fields: {words}",)


def _problems_with(config: Config, description: ShopDescription | None) -> Iterator[str]:
    """Yield what the shop does not have, or not in the form in which it is needed."""
    if description is not None:
        for name, kind in config.qr_codes.items():
            if problem := problem_of(name, kind, description=description):
                yield problem


def _approvals(config: Config) -> Iterator[str]:
    """Yield which folders of uploads are cleaned unattended."""
    for one in Approvals(config.state).all():
        yield (
            f"areas.{one.area}: orphaned files of {one.folder or 'the area itself'} move unattended, approved"
            f" by {one.who} on {one.approved.astimezone():%Y-%m-%d}"
        )


def _notes(config: Config) -> Iterator[str]:
    """Give what is missing now, and may be there when it is needed."""
    if config.python is not None and not config.python.is_file():
        yield f"python: there is no {config.python}, so nobody can ask the shop"
    else:
        yield from _missing(config)
    for name, area in config.areas.items():
        if not area.path.is_dir():
            yield f"areas.{name}.path: there is no folder {area.path} yet"
    yield from media_notes(config)


def _trial_server(config: Config) -> Iterator[str]:
    """Yield what is wrong with the address of the server on which backups are tried."""
    source = config.backups.verify_on
    if source is None:
        return
    try:
        resolve_server("backups.verify_on", source, project=config.project)
    except StorekeeperError as error:
        yield error.message


def _encryption(config: Config) -> Iterator[str]:
    """Yield where copies of backups can be read by others, or opened by who takes this machine."""
    backups = config.backups
    if backups.encrypt is None:
        if backups.offsite:
            yield (
                "backups.encrypt is missing: whoever has a place of backups.offsite, its provider too, can"
                " read the copies there. storekeeper recovery-key FILE makes a key"
            )
        return
    if len(backups.encrypt.recipients) == 1:
        yield (
            "backups.encrypt has one recipient: without its key no copy is opened again. A second one, whose"
            " key lies in a safe, survives the loss of the first"
        )
    if os.environ.get(IDENTITY_VARIABLE):
        yield f"${IDENTITY_VARIABLE} is set: the key belongs on no machine that makes the backups"
    folders = dict.fromkeys((config.project, backups.path, config.state))
    for path in find_stray_identities(folders, recipients=backups.encrypt.recipients):
        yield (
            f"{path} is a key to the backups and lies beside them: whoever takes this machine has both. Bring"
            " it elsewhere, and remove it here"
        )


def _missing(config: Config) -> Iterator[str]:
    """Yield what the shop has and this config does not measure."""
    try:
        description = Shop.of(config).describe()
    except StorekeeperError as error:
        yield f"the shop cannot be asked what else it has: {error.message}"
    else:
        yield from map(str, not_measured(config, description=description))
