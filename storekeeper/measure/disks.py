"""Filesystems: size, use and free space, as ``df`` tells them."""

import os
import shutil
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from storekeeper.config import Config
from storekeeper.errors import StorekeeperError
from storekeeper.measure.databases import Databases


@dataclass(frozen=True, kw_only=True)
class DiskUsage:
    """
    One filesystem, in bytes. Reserved blocks are neither used nor available, as in ``df``.

    ``files`` and ``files_free`` count inodes; both are None where the filesystem has no fixed number.
    """

    mountpoint: str
    size_bytes: int
    used_bytes: int
    available_bytes: int
    files: int | None
    files_free: int | None


def measure_disk(mountpoint: Path) -> DiskUsage:
    """Ask the filesystem that is mounted there."""
    if not hasattr(os, "statvfs"):
        total = shutil.disk_usage(mountpoint)
        return DiskUsage(
            mountpoint=str(mountpoint),
            size_bytes=total.total,
            used_bytes=total.used,
            available_bytes=total.free,
            files=None,
            files_free=None,
        )
    status = os.statvfs(mountpoint)
    return DiskUsage(
        mountpoint=str(mountpoint),
        size_bytes=status.f_blocks * status.f_frsize,
        used_bytes=(status.f_blocks - status.f_bfree) * status.f_frsize,
        available_bytes=status.f_bavail * status.f_frsize,
        files=status.f_files or None,
        files_free=status.f_ffree if status.f_files else None,
    )


def mountpoint_of(path: Path) -> Path:
    """Give where the filesystem of ``path`` is mounted; a path that is not there counts with its parent."""
    place = Path(os.path.realpath(path))
    while not os.path.lexists(place) and place != place.parent:
        place = place.parent
    while not os.path.ismount(place) and place != place.parent:
        place = place.parent
    return place


def disk_of(path: Path) -> tuple[int, DiskUsage]:
    """Give the device number and the figures of the filesystem that holds ``path``."""
    mountpoint = mountpoint_of(path)
    return mountpoint.stat().st_dev, measure_disk(mountpoint)


class KnownDisks:
    """
    Gives what ``disk_of`` gives, and remembers where each filesystem is mounted.

    To look that up takes more than all else: some fifty questions for each path, two where it is known.
    """

    def __init__(self) -> None:
        self._known: dict[Path, tuple[Path, int]] = {}

    def __call__(self, path: Path) -> tuple[int, DiskUsage]:
        """Give the device number and the figures of the filesystem that holds ``path``; raises OSError."""
        mountpoint, device = self._known.get(path, (path, -1))
        try:
            # What is mounted or unmounted in between changes the device of the one or of the other.
            known = path.stat().st_dev == device == mountpoint.stat().st_dev
        except FileNotFoundError:
            known = False
        if not known:
            mountpoint = mountpoint_of(path)
            device = mountpoint.stat().st_dev
            self._known[path] = (mountpoint, device)
        return device, measure_disk(mountpoint)


def each_once(found: Iterable[tuple[int, DiskUsage]]) -> tuple[DiskUsage, ...]:
    """Give each filesystem once; one that is mounted in several places under the shortest name met."""
    by_device: dict[int, DiskUsage] = {}
    for device, disk in sorted(found, key=lambda pair: (len(pair[1].mountpoint), pair[1].mountpoint)):
        by_device.setdefault(device, disk)
    return tuple(sorted(by_device.values(), key=lambda disk: disk.mountpoint))


def watched_paths(config: Config, *, databases: Databases) -> tuple[Path, ...]:
    """Return the paths whose disks matter: those in the config, or all that the shop and we write to."""
    if config.disks != "auto":
        return tuple(config.disks)
    paths = [config.project, config.backups.path, config.state]
    paths += [area.path for area in config.areas.values()]
    paths += config.backups.media.folders(config.project)
    for name in databases.names:
        try:
            path = databases.sqlite_path(name)
        except StorekeeperError:
            # Whoever measures the database tells why; the other disks are still ours to watch.
            continue
        if path is not None:
            paths.append(path)
    return tuple(dict.fromkeys(paths))


def measure_disks(config: Config, *, databases: Databases) -> tuple[DiskUsage, ...]:
    """Return every filesystem that matters to the shop; raises OSError."""
    return each_once(disk_of(path) for path in watched_paths(config, databases=databases))
