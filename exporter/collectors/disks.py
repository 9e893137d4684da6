"""The filesystems that hold the shop: size, use and free space, as ``df`` tells them."""

import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Final

from prometheus_client.core import GaugeMetricFamily

from exporter.collectors.collector import Collected
from exporter.flight import Flights
from exporter.sources import Sources
from storekeeper.measure.disks import DiskUsage, KnownDisks, each_once, watched_paths

# How long a scrape waits for a filesystem; one on the network may be away.
PATIENCE_SECONDS: Final = 3.5


class DisksCollector:
    """Expose size, used and available bytes, and inodes, of the filesystems that hold the shop."""

    name = "disks"
    waits = True
    jobs = ()

    def __init__(
        self,
        sources: Sources,
        *,
        measure: Callable[[Path], tuple[int, DiskUsage]] | None = None,
        patience_seconds: float = PATIENCE_SECONDS,
    ) -> None:
        self._sources = sources
        self._measure = measure or KnownDisks()
        self._patience_seconds = patience_seconds
        self._flights: Flights[tuple[int, DiskUsage]] = Flights()

    def collect(self) -> Collected:
        """Ask all filesystems at the same time; one that hangs is a problem, the others are shown."""
        labels = ("host", "mountpoint")
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
        disks, problems = self._ask_all()
        for disk in disks:
            label = (self._sources.config.host, disk.mountpoint)
            size.add_metric(label, disk.size_bytes)
            used.add_metric(label, disk.used_bytes)
            available.add_metric(label, disk.available_bytes)
            if disk.files is not None and disk.files_free is not None:
                files.add_metric(label, disk.files)
                free.add_metric(label, disk.files_free)
        return Collected(families=(size, used, available, files, free), problems=problems)

    def _ask_all(self) -> tuple[tuple[DiskUsage, ...], tuple[str, ...]]:
        until = time.monotonic() + self._patience_seconds
        flights = {
            path: self._flights.ask(f"disk of {path}", partial(self._measure, path))
            for path in watched_paths(self._sources.config, databases=self._sources.databases)
        }
        found = []
        problems = []
        for path, flight in flights.items():
            try:
                found.append(flight.wait(until=until))
            # TimeoutError is an OSError, too.
            except OSError as error:
                problems.append(f"the disk of {path}: {error}")
        return each_once(found), tuple(problems)
