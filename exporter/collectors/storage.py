"""The shop's storage as one figure, and its orders, to compare growth with."""

from collections.abc import Mapping
from dataclasses import dataclass

from prometheus_client.core import GaugeMetricFamily

from exporter.collectors.collector import Collected
from exporter.jobs import Job
from exporter.rows import count_rows
from exporter.sources import Sources
from storekeeper.databases import address_from_django
from storekeeper.errors import ConfigurationError, StorekeeperError
from storekeeper.measure.totals import outermost_areas, sizes_outside_areas, total_bytes


@dataclass(frozen=True, kw_only=True)
class StorageUsage:
    """
    The bytes of each database that lies in no area, the areas to add to them, and the number of orders.

    ``orders`` is None where the config names no model, or where it could not be counted.
    """

    databases: Mapping[str, int]
    areas: tuple[str, ...]
    orders: int | None
    problems: tuple[str, ...] = ()


def measure_storage(sources: Sources) -> StorageUsage:
    """Ask every database for its size and one for the orders; raises DatabaseUnavailable without a size."""
    sizes = sizes_outside_areas(sources.config, databases=sources.databases)
    problems: list[str] = []
    orders = None
    try:
        orders = count_orders(sources)
    except StorekeeperError as error:
        problems.append(f"orders: {error}")
    return StorageUsage(
        databases=sizes,
        areas=outermost_areas(sources.config),
        orders=orders,
        problems=tuple(problems),
    )


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


class StorageCollector:
    """Expose databases and areas together, their limit, and the number of orders."""

    name = "storage"
    waits = False

    def __init__(self, sources: Sources) -> None:
        self._sources = sources
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
        scans = {name: self._sources.scans[name].latest for name in latest.value.areas}
        moments = [scan.measured_at for scan in scans.values() if scan.measured_at is not None]
        problems = [latest.problem] if latest.problem else []
        problems += latest.value.problems
        problems += [scan.problem for scan in scans.values() if scan.problem]
        if len(moments) < len(scans):
            return Collected(families=families, problems=tuple(problems), pending=True)
        areas = {name: scan.value for name, scan in scans.items()}
        size.add_metric((), total_bytes(latest.value.databases, areas=areas))
        return Collected(
            families=families,
            problems=tuple(problems),
            measured_at=min((latest.measured_at, *moments)),
            duration_seconds=latest.duration_seconds,
        )
