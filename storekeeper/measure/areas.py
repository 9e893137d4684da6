"""Which directory trees are measured, and how each is walked."""

import dataclasses
import threading
import time
from collections.abc import Callable, Mapping
from typing import Final

from storekeeper.config import Area, Config
from storekeeper.measure.scanner import Budget, ScanRequest, TreeUsage, scan
from storekeeper.measure.walks import AreaWalk

BACKUPS: Final = "backups"
LOGS: Final = "logs"
DAY_SECONDS: Final = 86_400.0


def watched_areas(config: Config) -> Mapping[str, Area]:
    """Give the areas of the config and, as one more, the folder of the backups."""
    if BACKUPS in config.areas:
        return config.areas
    return {**config.areas, BACKUPS: Area(path=config.backups.path, limit=config.backups.limit)}


def area_request(config: Config, name: str) -> ScanRequest:
    """Return what is asked of the walk of an area."""
    area = watched_areas(config)[name]
    return ScanRequest(
        root=area.path,
        groups=area.groups,
        large_over_bytes=config.large_files.over,
        # Logs and backups are written by programs: nobody looks for a row that names one.
        names=name in config.areas and name != LOGS,
        always_read=name == LOGS,
    )


def measure_area(config: Config, name: str) -> TreeUsage | None:
    """Walk an area now; None where there is no such folder. Raises ScanError when it is closed to us."""
    request = dataclasses.replace(area_request(config, name), names=False)
    return scan(request) if request.root.exists() else None


def walk_budget(config: Config) -> Budget | None:
    """Give how much of the machine the work beside the scrapes may take, None for no limit."""
    walk = config.exporter.walk
    if walk.entries_per_second is None and walk.share_of_time is None:
        return None
    return Budget(entries_per_second=walk.entries_per_second, share_of_time=walk.share_of_time)


def area_walks(
    config: Config,
    *,
    keep_state: bool = False,
    stopping: threading.Event | None = None,
    clock: Callable[[], float] = time.time,
) -> dict[str, AreaWalk]:
    """Give the walk of each area; with ``keep_state`` each knows after a restart what it knew before."""
    return {
        name: AreaWalk(
            area_request(config, name),
            full_every_seconds=config.exporter.walk.full_every.seconds or DAY_SECONDS,
            state_file=config.state / "exporter" / f"{name}.tree" if keep_state else None,
            budget=walk_budget(config),
            helpers=config.exporter.walk.helpers,
            cancelled=stopping,
            clock=clock,
        )
        for name in watched_areas(config)
    }
