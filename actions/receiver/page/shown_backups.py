"""The backups as the page tells them: how old, and whether a restore has proved them."""

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from storekeeper.backups import DATABASE, KINDS, MEDIA, Backup, find_backups

MOST_SHOWN: Final = 12
# The ages of the alert BackupTooOld: a daily backup and two hours, a weekly one and a day.
OLD_AFTER: Final = {DATABASE: dt.timedelta(hours=26), MEDIA: dt.timedelta(days=8)}


@dataclass(frozen=True, kw_only=True)
class Freshness:
    """The newest backup of a kind, None where there is none; ``old`` when the next whole one is overdue."""

    kind: str
    newest: Backup | None
    old: bool


def read_backups(folder: Path, *, shop: str) -> tuple[Backup, ...]:
    """Give all backups of the shop in the folder, the newest first."""
    found = [backup for kind in KINDS for backup in find_backups(folder, kind=kind, shop=shop)]
    return tuple(sorted(found, key=lambda backup: backup.manifest.created, reverse=True))


def read_freshness(backups: Sequence[Backup], *, now: dt.datetime) -> tuple[Freshness, ...]:
    """Give how fresh each kind is."""
    found = []
    for kind in KINDS:
        # What was made by a clock that was ahead tells no time.
        dated = [one for one in backups if one.manifest.kind == kind and one.manifest.created <= now]
        newest = next(iter(dated), None)
        whole = next((one for one in dated if not one.problem), newest)
        old = whole is not None and now - whole.manifest.created > OLD_AFTER[kind]
        found.append(Freshness(kind=kind, newest=newest, old=old))
    return tuple(found)
