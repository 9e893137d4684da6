"""The filesystems that hold the shop: size, use and free space, as ``df`` tells them."""

import os
import shutil
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

from prometheus_client.core import GaugeMetricFamily

from exporter.collectors.collector import Collected
from exporter.sources import Sources
from storekeeper.databases import Engine
from storekeeper.errors import StorekeeperError


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


def mountpoints_of(paths: Iterable[Path]) -> tuple[Path, ...]:
    """
    Give where the filesystems of ``paths`` are mounted; a path that is not there yet counts with its parent.

    A filesystem that is mounted in several places is given once, at the shortest of the names met.
    """
    by_device: dict[int, Path] = {}
    for path in paths:
        place = Path(os.path.realpath(path))
        while not os.path.lexists(place) and place != place.parent:
            place = place.parent
        while not place.is_mount() and place != place.parent:
            place = place.parent
        device = place.stat().st_dev
        known = by_device.get(device)
        if known is None or (len(place.parts), str(place)) < (len(known.parts), str(known)):
            by_device[device] = place
    return tuple(sorted(by_device.values()))


def watched_paths(sources: Sources) -> list[Path]:
    """Give the paths whose disks matter: those in the config, or all that the shop and we write to."""
    config = sources.config
    if config.disks != "auto":
        return list(config.disks)
    paths = [config.project, config.backups.path, config.state]
    paths += [area.path for area in config.areas.values()]
    for name in config.databases:
        try:
            address = sources.address(name)
        except StorekeeperError:
            # The databases collector reports it; the other disks are still ours to watch.
            continue
        if address.engine is Engine.SQLITE and address.path is not None:
            paths.append(address.path)
    return paths


def measure_disks(sources: Sources) -> tuple[DiskUsage, ...]:
    """Give every filesystem that matters to the shop."""
    return tuple(measure_disk(mountpoint) for mountpoint in mountpoints_of(watched_paths(sources)))


class DisksCollector:
    """Expose size, used and available bytes, and inodes, of the filesystems that hold the shop."""

    name = "disks"
    jobs = ()

    def __init__(
        self, sources: Sources, *, measure: Callable[[Sources], tuple[DiskUsage, ...]] = measure_disks
    ) -> None:
        self._sources = sources
        self._measure = measure

    def collect(self) -> Collected:
        """Ask the filesystems; one that hangs holds up this collector alone."""
        labels = ("mountpoint",)
        size = GaugeMetricFamily(
            "storekeeper_disk_size_bytes", "Size of the filesystem in bytes.", labels=labels
        )
        used = GaugeMetricFamily(
            "storekeeper_disk_used_bytes", "Bytes in use on the filesystem, as df counts them.", labels=labels
        )
        available = GaugeMetricFamily(
            "storekeeper_disk_available_bytes",
            "Bytes that a program without privileges may still write, as df counts them.",
            labels=labels,
        )
        files = GaugeMetricFamily(
            "storekeeper_disk_files", "Inodes of the filesystem, used and free.", labels=labels
        )
        free = GaugeMetricFamily(
            "storekeeper_disk_files_free", "Inodes that are free on the filesystem.", labels=labels
        )
        for disk in self._measure(self._sources):
            label = (disk.mountpoint,)
            size.add_metric(label, disk.size_bytes)
            used.add_metric(label, disk.used_bytes)
            available.add_metric(label, disk.available_bytes)
            if disk.files is not None and disk.files_free is not None:
                files.add_metric(label, disk.files)
                free.add_metric(label, disk.files_free)
        return Collected(families=(size, used, available, files, free))
