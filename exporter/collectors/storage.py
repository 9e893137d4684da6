"""The shop's storage as one figure, and its orders, to compare growth with."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from prometheus_client.core import GaugeMetricFamily

from exporter.collectors.collector import Collected
from exporter.collectors.databases import measure_database
from exporter.jobs import Job
from exporter.rows import count_rows
from exporter.sources import Sources
from storekeeper.config import Config
from storekeeper.databases import Engine, address_from_django
from storekeeper.errors import ConfigurationError, DatabaseUnavailable, StorekeeperError
from storekeeper.measure.areas import watched_areas


@dataclass(frozen=True, kw_only=True)
class StorageUsage:
    """
    The sizes of the databases that lie in no area (bytes), and the number of orders.

    ``orders`` is None where the config names no model, or where it could not be counted.
    """

    databases: Mapping[str, int]
    orders: int | None
    problems: tuple[str, ...] = ()


def outermost_areas(config: Config) -> tuple[str, ...]:
    """Give the areas that lie in no other area: their sizes add up without counting a file twice."""
    roots = {name: area.path.resolve() for name, area in watched_areas(config).items()}
    return tuple(
        name
        for name, root in roots.items()
        if not any(other in root.parents for other_name, other in roots.items() if other_name != name)
    )


def measure_storage(sources: Sources) -> StorageUsage:
    """
    Ask every database for its size and one for the orders.

    Raises DatabaseUnavailable when a size is missing: a sum without it would look like a cleanup.
    """
    roots = [area.path.resolve() for area in watched_areas(sources.config).values()]
    sizes: dict[str, int] = {}
    for name in sources.config.databases:
        usage = measure_database(name, sources=sources)
        if usage.size_bytes is None:
            raise DatabaseUnavailable(usage.problem)
        if not _inside(sqlite_path(sources, name), roots=roots):
            sizes[name] = usage.size_bytes
    problems: list[str] = []
    orders = None
    try:
        orders = count_orders(sources)
    except StorekeeperError as error:
        problems.append(f"orders: {error}")
    return StorageUsage(databases=sizes, orders=orders, problems=tuple(problems))


def count_orders(sources: Sources) -> int | None:
    """Count the rows of the config's model of orders; None where it names none."""
    label = sources.config.orders
    if label is None:
        return None
    description = sources.description()
    model = description.model(label)
    if model is None:
        raise ConfigurationError(f"orders: the shop has no model {label}")
    address = address_from_django(
        model.database, settings=description.databases[model.database], project=sources.config.project
    )
    return count_rows(address, table=model.table, exact_rows_below=sources.config.exporter.exact_rows_below)


def sqlite_path(sources: Sources, name: str) -> Path | None:
    """Give the file of an SQLite database, None of any other."""
    address = sources.address(name)
    return address.path if address.engine is Engine.SQLITE else None


def _inside(path: Path | None, *, roots: list[Path]) -> bool:
    return path is not None and any(root in path.resolve().parents for root in roots)


def total_bytes(usage: StorageUsage, *, sources: Sources, areas: Sequence[str]) -> int:
    """Add the sizes of the databases and of ``areas``; a folder that is not there adds nothing."""
    found = [sources.scans[name].latest.value for name in areas]
    return sum(usage.databases.values()) + sum(area.size_bytes for area in found if area is not None)


class StorageCollector:
    """Expose databases and areas together, their limit, and the number of orders."""

    name = "storage"
    waits = False

    def __init__(self, sources: Sources) -> None:
        self._sources = sources
        self._outermost = outermost_areas(sources.config)
        self.job: Job[StorageUsage] = Job(
            "storage",
            lambda: measure_storage(sources),
            interval_seconds=sources.interval_seconds,
            clock=sources.clock,
        )
        self.jobs = (self.job,)

    def collect(self) -> Collected:
        """Give the sum once every part of it was measured; never a part of the sum."""
        size = GaugeMetricFamily(
            "storekeeper_storage_size_bytes",
            "Bytes of all databases and areas together. Measured beside the scrapes.",
        )
        limit = GaugeMetricFamily(
            "storekeeper_storage_limit_bytes", "Configured limit of all databases and areas together."
        )
        orders = GaugeMetricFamily(
            "storekeeper_orders", "Rows of the model of orders. Measured beside the scrapes."
        )
        if self._sources.config.total.limit is not None:
            limit.add_metric((), self._sources.config.total.limit)
        latest = self.job.latest
        families = (size, limit, orders)
        if latest.value is None or latest.measured_at is None:
            return Collected.from_latest(latest, families=families)
        if latest.value.orders is not None:
            orders.add_metric((), latest.value.orders)
        scans = [self._sources.scans[name].latest for name in self._outermost]
        moments = [scan.measured_at for scan in scans if scan.measured_at is not None]
        problems = [latest.problem] if latest.problem else []
        problems += latest.value.problems
        problems += [scan.problem for scan in scans if scan.problem]
        if len(moments) < len(scans):
            return Collected(families=families, problems=tuple(problems), pending=True)
        size.add_metric((), total_bytes(latest.value, sources=self._sources, areas=self._outermost))
        return Collected(
            families=families,
            problems=tuple(problems),
            measured_at=min((latest.measured_at, *moments)),
            duration_seconds=latest.duration_seconds,
        )
