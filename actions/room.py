"""
Which actions need room on a disk, and whether their disk has any.

A disk as full as the emergency alert says belongs to the cleanups: nothing that writes much is begun on it,
by an alert or a schedule, until there is room again. A person at the command line is not held up; each of
these actions asks for its own room before it writes.
"""

from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Final

from storekeeper.config import Config
from storekeeper.config.media import local_path
from storekeeper.measure.disks import mountpoint_of
from storekeeper.measure.resources import DISK, Resource
from storekeeper.measure.usage import UsageReader

# The threshold of StorageUsageEmergency.
FULL: Final = 0.95


def _backups(config: Config) -> Iterable[Path]:
    return (config.backups.path,)


def _scratch(config: Config) -> Iterable[Path]:
    return (config.recovery.scratch or config.state,)


def _media_backups(config: Config) -> Iterable[Path]:
    repository = config.backups.media.repository
    folder = local_path(repository) if repository else None
    return (config.backups.path, *((config.project / folder,) if folder is not None else ()))


def _databases(config: Config) -> Iterable[Path]:
    # The file of SQLite lies in the project as a rule; a server's disk is not ours to ask.
    return (config.project, config.backups.path)


def _areas(config: Config) -> Iterable[Path]:
    return (area.path for area in config.areas.values())


# Action → the folders that it writes to. Log rotation is none of them: it asks for the room of each log, and
# packs a log piece by piece where the system can.
WRITES_TO: Final[Mapping[str, Callable[[Config], Iterable[Path]]]] = MappingProxyType(
    {
        "backup_database": _backups,
        "backup_media": _media_backups,
        "verify_backup": _backups,
        "drill": _scratch,
        "optimize_database": _databases,
        "optimize_images": _areas,
    }
)


def needs_room(action: str) -> bool:
    """Tell whether the action of that name writes much."""
    return action in WRITES_TO


def full_disk(action: str, *, config: Config, usage: UsageReader) -> str:
    """Give the sentence that tells which disk is too full for the action, ``""`` where none is."""
    folders = WRITES_TO[action](config) if action in WRITES_TO else ()
    for mountpoint in dict.fromkeys(mountpoint_of(folder) for folder in folders):
        found = usage.read(Resource(kind=DISK, name=str(mountpoint)))
        if found is not None and found.ratio >= FULL:
            return f"{action} waits for room: {mountpoint} is {found.ratio:.1%} full"
    return ""
