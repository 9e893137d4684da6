"""``storekeeper recover``: bring the whole shop back, without a config with that of the backups."""

import re
from pathlib import Path
from typing import Any, Final

import click
import yaml

from actions.encryption.manifests import decrypted_manifest
from actions.offsite.copies import list_copies
from actions.offsite.place import OffsitePlace
from actions.recover import Recover, RecoverOptions
from actions.recovery.backup_set import moment_of
from storekeeper.commands.action import command_of
from storekeeper.commands.common import manage_project, read_config
from storekeeper.config import Config, load_config, parse_config
from storekeeper.config_file import FILE_NAME, find_config
from storekeeper.encryption import read_identities
from storekeeper.encryption.streams import require_identities
from storekeeper.errors import BackupRefused, ConfigurationError
from storekeeper.files import PartialFile

_PROJECT: Final = re.compile(r"(?m)^project:.*$")


def config_for(config_file: Path | None, options: RecoverOptions, *, dry_run: bool) -> Config:
    """
    Return the config of this machine; where it has none, that of the newest backup, which is written beside
    the shop's manage.py.

    Raises ConfigurationError where the shop's code is not there yet, or several shops have backups there.
    """
    try:
        find_config(config_file, beside=manage_project())
    except ConfigurationError:
        if config_file is not None:
            raise
    else:
        return read_config(config_file)
    text = _carried_text(options)
    project = _project_of(text)
    text = _PROJECT.sub("", text).rstrip("\n") + f"\nproject: {project}\n"
    path = project / FILE_NAME
    config = parse_config(text, name=f"the config of the backups, for {project}", folder=project)
    if dry_run:
        return config
    with PartialFile(path) as file:
        file.stream.write(text.encode("utf-8"))
        file.finish()
    click.echo(f"wrote {path}, as the backups carry it", err=True)
    return load_config(path)


def _carried_text(options: RecoverOptions) -> str:
    found = [
        one.manifest
        for one in list_copies(OffsitePlace(str(options.from_)))
        if (one.manifest.config or one.manifest.encrypted)
        and (options.at is None or moment_of(one.manifest) <= options.at)
    ]
    shops = sorted({one.shop for one in found})
    if len(shops) > 1:
        raise ConfigurationError(
            f"there are backups of several shops: {', '.join(shops)}",
            hint="--config.file names the config of the one that is to come back",
        )
    if not found:
        raise BackupRefused(
            "this machine has no storekeeper.yml, and no backup there carries one",
            hint="storekeeper init --project DIR writes one; then run the same command again",
        )
    newest = max(found, key=moment_of)
    if newest.encrypted:
        identities = require_identities(
            read_identities(options.identity), name=newest.file, recipients=newest.recipients
        )
        newest = decrypted_manifest(newest, identities=identities)
    return newest.config


def _project_of(text: str) -> Path:
    """Return the folder of the shop's code: this one where it has a manage.py, else that of the config."""
    here = Path.cwd()
    if (here / "manage.py").is_file():
        return here
    document: Any = yaml.safe_load(text)
    named = Path(str(document.get("project", "."))).expanduser() if isinstance(document, dict) else here
    if named.is_absolute() and (named / "manage.py").is_file():
        return named
    raise ConfigurationError(
        f"the shop's code is neither in {here} nor in {named}",
        hint="Fetch it (git clone), make its virtual environment, and run this where its manage.py is",
    )


recover = command_of(Recover(), config_for=config_for)
