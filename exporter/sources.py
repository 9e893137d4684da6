"""What collectors work with: the config, the shop, and the walks that several of them share."""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from exporter.file_counts import FilesUsage
from exporter.jobs import Job
from storekeeper.config import Config
from storekeeper.measure.databases import Databases
from storekeeper.measure.scanner import TreeUsage
from storekeeper.shop import ShopDescription


@dataclass(frozen=True, kw_only=True)
class Sources:
    """
    Everything that a collector may ask.

    ``description`` raises ShopError while the shop does not answer. ``scans`` has one job for each area
    (and for the backups), ``files`` the one that compares files with the rows that name them.
    """

    config: Config
    description: Callable[[], ShopDescription]
    databases: Databases
    scans: Mapping[str, Job[TreeUsage | None]]
    files: Job[FilesUsage]
    clock: Callable[[], float] = field(default=time.time)

    @property
    def interval_seconds(self) -> float:
        """Give the pause between two slow measurements."""
        return self.config.exporter.interval.seconds or 60.0
