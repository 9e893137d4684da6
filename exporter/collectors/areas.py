"""The directory trees of the shop, each walked beside the scrapes."""

import threading
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final

from prometheus_client.core import GaugeMetricFamily

from exporter.collectors.collector import Collected
from exporter.jobs import Job
from exporter.scanner import ScanRequest, TreeState, TreeUsage, scan
from exporter.sources import Sources
from storekeeper.config import Area, Config

BACKUPS: Final = "backups"
LOGS: Final = "logs"


def watched_areas(config: Config) -> Mapping[str, Area]:
    """Give the areas of the config and, as one more, the folder of the backups."""
    if BACKUPS in config.areas:
        return config.areas
    return {**config.areas, BACKUPS: Area(path=config.backups.path, limit=config.backups.limit)}


class AreaScan:
    """
    The walk of one area; each walk reads only what has changed since the one before.

    A folder that is not there (nothing was uploaded yet) is no failure: the area then has no size.
    """

    def __init__(self, request: ScanRequest, *, cancelled: threading.Event | None = None) -> None:
        self._request = request
        self._cancelled = cancelled
        self._state: TreeState | None = None

    def __call__(self) -> TreeUsage | None:
        """Walk; raises ScanError when the folder is there but closed to us."""
        if not self._request.root.exists():
            self._state = None
            return None
        # No helper processes: the exporter starts none.
        usage = scan(self._request, previous=self._state, cancelled=self._cancelled, processes=0)
        self._state = usage.state
        return usage


def scan_jobs(
    config: Config,
    *,
    interval_seconds: float,
    stopping: threading.Event | None = None,
    clock: Callable[[], float] = time.time,
) -> dict[str, Job[TreeUsage | None]]:
    """Give one job for each area: a slow or hanging one holds up no other."""
    jobs = {}
    for name, area in watched_areas(config).items():
        request = ScanRequest(
            root=area.path,
            groups=area.groups,
            large_over_bytes=config.large_files.over,
            always_read=name == LOGS,
        )
        jobs[name] = Job(
            f"scan of {name}",
            AreaScan(request, cancelled=stopping),
            interval_seconds=interval_seconds,
            clock=clock,
        )
    return jobs


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
