"""New names for backups, and what crashed runs have left."""

import datetime as dt
import time
import zoneinfo
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

from storekeeper.backups import (
    DATABASE,
    KINDS,
    MANIFEST_SUFFIX,
    backup_of,
    find_backups,
    parse_name,
    sums_name,
)
from storekeeper.errors import BackupRefused, UnsafePath
from storekeeper.files import Tree
from storekeeper.files.atomic import PARTIAL_SUFFIX, hold

# Two backups in one second would want one name: the second waits for the next one.
_WAIT_SECONDS = 3.0


def new_stem(
    folder: Path,
    *,
    database: str,
    time_zone: str,
    now: Callable[[], dt.datetime],
    pause: Callable[[float], None] = time.sleep,
) -> tuple[str, dt.datetime]:
    """
    Give a file name without its ending that nothing in ``folder`` has, and the moment it tells.

    ``db_backup_YYYYMMDD_HHMMSS`` in the shop's own time zone; another database than ``default`` is named.
    Raises BackupRefused when the names stay taken.
    """
    prefix = "db_backup_" if database == "default" else f"db_backup_{database}_"
    return free_stem(folder, prefix=prefix, time_zone=time_zone, now=now, pause=pause)


def free_stem(
    folder: Path,
    *,
    prefix: str,
    time_zone: str,
    now: Callable[[], dt.datetime],
    pause: Callable[[float], None] = time.sleep,
) -> tuple[str, dt.datetime]:
    """Give ``PREFIXYYYYMMDD_HHMMSS`` that nothing in ``folder`` has, as ``new_stem`` does."""
    stem = ""
    for _ in range(int(_WAIT_SECONDS / 0.5)):
        moment = now()
        stem = f"{prefix}{in_time_zone(moment, time_zone):%Y%m%d_%H%M%S}"
        if not any(path.name.lstrip(".").startswith(f"{stem}.") for path in _names(folder)):
            return stem, moment
        pause(0.5)
    raise BackupRefused(
        f"{folder} has a backup named {stem} already",
        hint="Try again in a second; is the clock standing still?",
    )


def next_number(folder: Path) -> int:
    """Give the number of a new backup in ``folder``: one more than the highest, whatever the clocks said."""
    return 1 + max(
        (backup.manifest.number for kind in KINDS for backup in find_backups(folder, kind=kind)), default=0
    )


def in_time_zone(moment: dt.datetime, name: str) -> dt.datetime:
    """Give the moment in a named zone, or in this machine's where the name says nothing to it."""
    try:
        return moment.astimezone(zoneinfo.ZoneInfo(name) if name else None)
    except (zoneinfo.ZoneInfoNotFoundError, ValueError, OSError):
        return moment.astimezone()


def sweep_partial_files(folder: Path, *, kind: str = DATABASE) -> int:
    """
    Remove what crashed runs left: partial files of such backups, manifests and sums without their backup.

    Gives the bytes that were freed. What another shop, whose backups lie here too, is writing stays. Nothing
    is removed but in this very folder, whatever becomes of its name.
    """
    freed = 0
    if not folder.is_dir():
        return freed
    with Tree(folder) as tree:
        names = frozenset(tree.names())
        for name in sorted(names):
            plain = name.removeprefix(".").removesuffix(PARTIAL_SUFFIX)
            of = backup_of(plain)
            told = parse_name(of)
            if told is None or told.kind != kind:
                continue
            partial = name.startswith(".") and name.endswith(PARTIAL_SUFFIX)
            alone = name in (of + MANIFEST_SUFFIX, sums_name(of)) and of not in names
            file = tree.find(name) if partial or alone else None
            if file is None or any(_is_held(tree, one) for one in (name, f".{of}{PARTIAL_SUFFIX}")):
                continue
            with suppress(UnsafePath):
                if tree.remove(file):
                    freed += file.size_bytes
    return freed


def _is_held(tree: Tree, name: str) -> bool:
    """Tell whether somebody is writing the file."""
    with suppress(OSError, UnsafePath), tree.open(name) as stream:
        return not hold(stream)
    return False


def _names(folder: Path) -> Iterator[Path]:
    if folder.is_dir():
        yield from list(folder.iterdir())
