"""The names of backups: how they are made, found and swept."""

import datetime as dt
import re
import time
import zoneinfo
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Final

from actions.backups.manifest import SUFFIX, Manifest, read_manifest
from storekeeper.errors import BackupRefused
from storekeeper.files.atomic import PARTIAL_SUFFIX

DATABASE: Final = "database"
MEDIA: Final = "media"
KINDS: Final = (DATABASE, MEDIA)

# Kind of backup → its names. The backup of another area than media is named for that area.
_NAMES: Final = MappingProxyType(
    {
        DATABASE: re.compile(
            r"db_backup_(?:(?P<database>[A-Za-z_][A-Za-z0-9_-]{0,62})_)?(?P<time>\d{8}_\d{6})"
            r"\.(?:json|json\.gz|dump|sqlite3|sqlite3\.gz)"
        ),
        MEDIA: re.compile(r"(?P<area>[A-Za-z_][A-Za-z0-9_-]{0,62})_backup_(?P<time>\d{8}_\d{6})\.tar\.gz"),
    }
)
SUMS_SUFFIX: Final = ".sha256.gz"
# Two backups in one second would want one name: the second waits for the next one.
_WAIT_SECONDS = 3.0


@dataclass(frozen=True, kw_only=True)
class Backup:
    """A backup that storekeeper wrote, with its manifest."""

    path: Path
    manifest: Manifest

    @property
    def verified(self) -> bool:
        """Tell whether a restore has proved it."""
        return self.manifest.verified is not None


def find_backups(folder: Path, *, kind: str = DATABASE) -> list[Backup]:
    """Give the backups of that kind in ``folder``, the newest first, by the time in their manifests."""
    if not folder.is_dir():
        return []
    found = []
    for path in folder.iterdir():
        if _NAMES[kind].fullmatch(path.name) and path.is_file() and not path.is_symlink():
            manifest = read_manifest(path)
            if manifest is not None:
                found.append(Backup(path=path, manifest=manifest))
    return sorted(found, key=lambda backup: (backup.manifest.created, backup.path.name), reverse=True)


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


def in_time_zone(moment: dt.datetime, name: str) -> dt.datetime:
    """Give the moment in a named zone, or in this machine's where the name says nothing to it."""
    try:
        return moment.astimezone(zoneinfo.ZoneInfo(name) if name else None)
    except (zoneinfo.ZoneInfoNotFoundError, ValueError, OSError):
        return moment.astimezone()


def sweep_partial_files(folder: Path, *, kind: str = DATABASE) -> int:
    """
    Remove what crashed runs left: partial files of such backups, manifests and sums without their backup.

    Gives the bytes that were freed. The caller holds the lock on the backups, so nobody is writing one.
    """
    freed = 0
    for path in _names(folder):
        name = path.name.removeprefix(".").removesuffix(PARTIAL_SUFFIX)
        of = name.removesuffix(SUFFIX).removesuffix(SUMS_SUFFIX)
        if not _NAMES[kind].fullmatch(of) or path.is_symlink() or not path.is_file():
            continue
        partial = path.name.startswith(".") and path.name.endswith(PARTIAL_SUFFIX)
        alone = path.name in (of + SUFFIX, of + SUMS_SUFFIX) and not (folder / of).exists()
        if partial or alone:
            freed += path.stat().st_size
            path.unlink()
    return freed


def _names(folder: Path) -> Iterator[Path]:
    if folder.is_dir():
        yield from list(folder.iterdir())
