"""What collectors work with: the config, the shop, and the walks that several of them share."""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from exporter.file_counts import FilesUsage
from exporter.jobs import Job
from storekeeper.config import Config
from storekeeper.databases import DatabaseAddress
from storekeeper.databases.kept_connections import KeptConnections
from storekeeper.databases.resolve import resolve
from storekeeper.measure.scanner import TreeUsage
from storekeeper.shop import ShopDescription


@dataclass(frozen=True, kw_only=True)
class Sources:
    """
    Everything that a collector may ask.

    ``description`` raises ShopError while the shop does not answer. ``scans`` has one job for each area
    (and for the backups), ``files`` the one that compares files with the rows that name them.
    ``connections`` are for short questions at every scrape.
    """

    config: Config
    description: Callable[[], ShopDescription]
    scans: Mapping[str, Job[TreeUsage | None]]
    files: Job[FilesUsage]
    clock: Callable[[], float] = field(default=time.time)
    connections: KeptConnections = field(default_factory=KeptConnections)

    @property
    def interval_seconds(self) -> float:
        """Give the pause between two slow measurements."""
        return self.config.exporter.interval.seconds or 60.0

    def address(self, name: str) -> DatabaseAddress:
        """Give where the configured database ``name`` is now; raises a StorekeeperError."""
        return resolve(
            name,
            self.config.databases[name],
            project=self.config.project,
            description=self.description,
        )
