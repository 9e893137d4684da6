"""The directory trees of the shop, each walked beside the scrapes."""

import threading
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final

from prometheus_client.core import GaugeMetricFamily

from exporter.collectors.collector import Collected
from exporter.scanner import Budget, ScanRequest, TreeUsage
from exporter.sources import Sources
from exporter.walks import AreaWalk
from storekeeper.config import Area, Config

BACKUPS: Final = "backups"
LOGS: Final = "logs"
DAY_SECONDS: Final = 86_400.0


def watched_areas(config: Config) -> Mapping[str, Area]:
    """Give the areas of the config and, as one more, the folder of the backups."""
    if BACKUPS in config.areas:
        return config.areas
    return {**config.areas, BACKUPS: Area(path=config.backups.path, limit=config.backups.limit)}


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
            ScanRequest(
                root=area.path,
                groups=area.groups,
                large_over_bytes=config.large_files.over,
                # Logs and backups are written by programs: nobody looks for a row that names one.
                names=name in config.areas and name != LOGS,
                always_read=name == LOGS,
            ),
            full_every_seconds=config.exporter.walk.full_every.seconds or DAY_SECONDS,
            state_file=config.state / "exporter" / f"{name}.tree" if keep_state else None,
            budget=walk_budget(config),
            helpers=config.exporter.walk.helpers,
            cancelled=stopping,
            clock=clock,
        )
        for name, area in watched_areas(config).items()
    }


class AreasCollector:
    """Expose the size of each area and of the groups in it, from the last complete walk."""

    name = "areas"
    waits = False
    jobs = ()

    def __init__(self, sources: Sources) -> None:
        self._sources = sources

    def collect(self) -> Collected:
        """Give what the walks found; an area whose first walk is under way has its limit only."""
        families = _AreaFamilies()
        areas = watched_areas(self._sources.config)
        problems = []
        moments = []
        durations = [0.0]
        pending = False
        for name, job in self._sources.scans.items():
            latest = job.latest
            families.add_limit(name, areas[name])
            if latest.problem:
                problems.append(f"area {name}: {latest.problem}")
            if latest.measured_at is None:
                pending = True
                continue
            moments.append(latest.measured_at)
            durations.append(latest.duration_seconds)
            if latest.value is not None:
                families.add(name, latest.value)
                if latest.value.errors:
                    first = latest.value.problems[0]
                    problems.append(
                        f"area {name}: {latest.value.errors} entries cannot be read,"
                        f" the first {first.path}: {first.reason}"
                    )
        return Collected(
            families=families.all(),
            problems=tuple(problems),
            measured_at=min(moments, default=None),
            duration_seconds=max(durations),
            pending=pending,
        )


class _AreaFamilies:
    """The families of one scrape while they are filled."""

    def __init__(self) -> None:
        beside = "Measured beside the scrapes."
        area = ("area",)
        group = ("area", "group")
        self._size = GaugeMetricFamily(
            "storekeeper_area_size_bytes",
            f"Apparent bytes in the area, as du -sb counts. {beside}",
            labels=area,
        )
        self._allocated = GaugeMetricFamily(
            "storekeeper_area_allocated_bytes", f"Bytes that the area takes on disk. {beside}", labels=area
        )
        self._files = GaugeMetricFamily(
            "storekeeper_area_files", f"Regular files in the area. {beside}", labels=area
        )
        self._large = GaugeMetricFamily(
            "storekeeper_area_large_files", f"Files over the size in large_files. {beside}", labels=area
        )
        self._limit = GaugeMetricFamily(
            "storekeeper_area_limit_bytes", "Configured limit of the area.", labels=area
        )
        self._group_size = GaugeMetricFamily(
            "storekeeper_group_size_bytes", f"Apparent bytes in a folder of the area. {beside}", labels=group
        )
        self._group_files = GaugeMetricFamily(
            "storekeeper_group_files", f"Regular files in a folder of the area. {beside}", labels=group
        )

    def add_limit(self, name: str, area: Area) -> None:
        """Add the configured limit, if there is one."""
        if area.limit is not None:
            self._limit.add_metric((name,), area.limit)

    def add(self, name: str, usage: TreeUsage) -> None:
        """Add what one walk found."""
        self._size.add_metric((name,), usage.size_bytes)
        self._allocated.add_metric((name,), usage.allocated_bytes)
        self._files.add_metric((name,), usage.files)
        self._large.add_metric((name,), usage.large_files)
        for group, found in usage.groups.items():
            self._group_size.add_metric((name, group), found.size_bytes)
            self._group_files.add_metric((name, group), found.files)

    def all(self) -> tuple[GaugeMetricFamily, ...]:
        """Give every family."""
        return (
            self._size,
            self._allocated,
            self._files,
            self._large,
            self._limit,
            self._group_size,
            self._group_files,
        )


def area_of(path: Path, *, areas: Mapping[str, Area]) -> str | None:
    """Give the narrowest area that holds ``path``; both are resolved first."""
    real = path.resolve()
    found = [
        (len(root.parts), name)
        for name, root in ((name, area.path.resolve()) for name, area in areas.items())
        if real == root or root in real.parents
    ]
    return max(found)[1] if found else None
