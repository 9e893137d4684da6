"""The directory trees of the shop, each walked beside the scrapes."""

from prometheus_client.core import GaugeMetricFamily

from exporter.collectors.collector import Collected
from exporter.sources import Sources
from storekeeper.config import Area
from storekeeper.measure.areas import watched_areas
from storekeeper.measure.scanner import TreeUsage


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
            f"Apparent bytes of the files in the area, a hard link once, without folders. {beside}",
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
