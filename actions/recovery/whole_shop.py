"""Which set of backups at a place brings the whole shop of a config back."""

import datetime as dt
from collections.abc import Sequence

from actions.action import Context
from actions.offsite.copies import list_copies
from actions.offsite.place import OffsitePlace
from actions.recovery.backup_set import BackupSet, choose_set
from actions.scope import Database, databases_of
from storekeeper.backups import MEDIA
from storekeeper.config import Config
from storekeeper.shop import ShopDescription
from storekeeper.shop.storages import holds_uploads

_MEDIA_ACTION = "backup_media"


def default_place(config: Config) -> tuple[str, bool]:
    """Return where the backups of a config are looked for, and whether that is off this machine."""
    if config.backups.offsite:
        return config.backups.offsite[0], True
    return str(config.backups.path), False


def set_of(
    context: Context,
    place: OffsitePlace,
    *,
    description: ShopDescription,
    databases: Sequence[Database],
    at: dt.datetime | None = None,
    unverified: bool = False,
) -> BackupSet:
    """Return the newest set of the shop at the place; raises NoWholeSet, OffsiteFailed."""
    config = context.config
    found = [
        one.manifest
        for one in list_copies(place, shop=config.shop)
        # One of another size was not copied to its end, or was cut since.
        if one.size_bytes == one.manifest.size_bytes
        and (not one.manifest.area or one.manifest.area in config.areas)
    ]
    return choose_set(
        found,
        engines={one.name: one.address.engine.value for one in databases},
        areas=_must_have_files(config, description),
        at=at,
        unverified=unverified,
    )


def kept_databases(context: Context, description: ShopDescription) -> list[Database]:
    """Return the databases of the config that have backups, none for a shop without any."""
    if not context.config.databases:
        return []
    return databases_of(context.config, description=description)


def _must_have_files(config: Config, description: ShopDescription) -> list[str]:
    """Return the areas without whose backup the shop does not come back whole."""
    if MEDIA not in config.areas or config.schedule.get(_MEDIA_ACTION, "") is None:
        return []
    root = config.areas[MEDIA].path
    return [MEDIA] if holds_uploads(root, description=description) else []
