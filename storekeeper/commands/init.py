"""``storekeeper init``: write the config of a Django project by asking the project itself."""

import datetime as dt
import os
import sys
from collections.abc import Sequence
from contextlib import suppress
from itertools import islice
from pathlib import Path
from typing import Final

import click

from storekeeper.commands.recovery_key import what_to_do
from storekeeper.config import parse_config
from storekeeper.config_file import FILE_NAME
from storekeeper.databases import address_from_django
from storekeeper.databases.identity import identity_of
from storekeeper.encryption.new_key import make_key
from storekeeper.errors import ConfigurationError, DatabaseUnavailable, ShopError
from storekeeper.files import PartialFile, Tree
from storekeeper.measure.databases import distinct_names
from storekeeper.measure.not_measured import not_measured
from storekeeper.shop import Shop, ShopDescription
from storekeeper.shop.draft import Draft, find_python

MOST_FILES: Final = 200_000
"""How many media files are looked for in the shop's texts."""


@click.command()
@click.option(
    "--project",
    required=True,
    type=click.Path(path_type=Path, file_okay=False),
    help="The folder of the shop's manage.py.",
)
@click.option(
    "--python",
    type=click.Path(path_type=Path, dir_okay=False),
    help="The interpreter that runs the shop; default: its virtual environment, else this one.",
)
@click.option("--settings", help="The settings module, where manage.py does not name the right one.")
@click.option(
    "--output",
    type=click.Path(path_type=Path, dir_okay=False),
    help=f"Where to write the config; default: {FILE_NAME} in the project.",
)
@click.option("--force", is_flag=True, help="Replace a config that is already there.")
@click.option(
    "--recovery-key",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Make a key for copies of backups away from this machine, and write its secret half to this file.",
)
def init(
    project: Path,
    python: Path | None,
    settings: str | None,
    output: Path | None,
    force: bool,
    recovery_key: Path | None,
) -> None:
    """Ask a Django project for its databases, folders, logs and models, and write storekeeper.yml."""
    output = output or project / FILE_NAME
    if output.exists() and not force:
        raise ConfigurationError(
            f"{output} exists already", hint="--force replaces it, --output writes elsewhere"
        )
    recovery_key = recovery_key or _offered_key()
    made = make_key(recovery_key, now=dt.datetime.now(tz=dt.UTC)) if recovery_key else None
    try:
        write_config(
            project=project,
            python=python,
            settings=settings,
            output=output,
            recipients=(made,) if made else (),
        )
    except BaseException:
        # Nothing was encrypted to it: the next try may have the name.
        if made and recovery_key:
            recovery_key.unlink()
        raise
    click.echo(f"wrote {output}")
    if made:
        click.echo(what_to_do(made, file=recovery_key, in_config=True))
    click.echo(f"Look it through, then: storekeeper check-config --config.file {output}")


def _offered_key() -> Path | None:
    """Ask at a terminal whether to make a key, and where to; unattended there is none."""
    if not (sys.stdin.isatty() and sys.stderr.isatty()):
        return None
    question = "Copies of backups on other machines can be encrypted. Make a key for it now?"
    if not click.confirm(question, err=True):
        return None
    told = "File for its secret half (on a stick, best)"
    return Path(click.prompt(told, err=True, type=click.Path(path_type=Path, dir_okay=False)))


def write_config(
    *,
    project: Path,
    python: Path | None,
    settings: str | None,
    output: Path,
    recipients: Sequence[str] = (),
) -> None:
    """Write the config; raises ShopError when the project does not start."""
    if not project.is_dir():
        raise ConfigurationError(f"there is no project folder {project}")
    project = project.resolve()
    # Not resolved: the interpreter of a virtual environment is a symbolic link and must stay one.
    python = python or find_python(project, fallback=Path(sys.executable))
    python = python.parent.resolve() / python.name
    shop = Shop(project, python=python, settings=settings)
    try:
        description = shop.describe()
    except ShopError as error:
        raise ShopError(f"{project} cannot be asked: {error.message}", hint=error.hint) from None
    draft = Draft(
        description,
        project=project,
        python=python,
        folder=output.absolute().parent,
        measure=_size,
        folders=_folders,
        settings=settings,
        texts=_texts_naming_files(shop, description.media_root),
        twins=_twins(description, project=project),
        recipients=recipients,
    )
    text = draft.text()
    # What is written must be a config that the rest of storekeeper takes as it is.
    config = parse_config(text, name=str(output), folder=output.absolute().parent)
    with PartialFile(output) as file:
        file.stream.write(text.encode("utf-8"))
        file.finish(replace=True)
    for missing in not_measured(config, description=description):
        click.echo(str(missing), err=True)


def _twins(description: ShopDescription, *, project: Path) -> dict[str, str]:
    """Return each alias that is the same database as one before it, with that one's alias."""
    if len(description.databases) < 2:
        return {}
    identities = {}
    for alias, settings in description.databases.items():
        # One that does not answer now is a database like any other.
        with suppress(ConfigurationError, DatabaseUnavailable):
            address = address_from_django(alias, settings=settings, project=project)
            identities[alias] = identity_of(address)
    mains = distinct_names(identities, identities=identities)
    return {
        alias: main
        for alias, identity in identities.items()
        if alias not in mains
        for main in mains
        if identity.is_same(identities[main])
    }


def _texts_naming_files(shop: Shop, media: Path | None) -> list[str]:
    """Give the text fields that name files of the media folder; what cannot be asked is told."""
    if media is None or not media.is_dir():
        return []
    with Tree(media) as tree:
        files = [file.name for file in islice(tree.walk(), MOST_FILES)]
    texts = []
    with shop.talk() as conversation:
        for answer in conversation.stream("texts_naming", root=os.fspath(media), files=files):
            if "field" in answer:
                texts.append(answer["field"])
            else:
                click.echo(f"{answer['unasked']} was not asked for names of files: {answer['why']}", err=True)
    return texts


def _size(path: Path) -> int:
    """Give the bytes of the files below ``path``, 0 where there is nothing."""
    if path.is_file():
        return path.stat().st_size
    if not path.is_dir():
        return 0
    with Tree(path) as tree:
        return sum(file.size_bytes for file in tree.walk())


def _folders(path: Path) -> list[str]:
    """Give the names of the folders in ``path``, sorted; hidden ones are nobody's uploads."""
    if not path.is_dir():
        return []
    return sorted(
        entry.name
        for entry in path.iterdir()
        if entry.is_dir() and not entry.is_symlink() and not entry.name.startswith(".")
    )
