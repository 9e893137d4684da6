"""Everything measured once, as values for a report: no server, no threads that stay."""

from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from exporter.collectors.storage import measure_storage
from exporter.collectors.tables import measure_all_tables
from exporter.file_counts import FileCount
from exporter.jobs import Job
from exporter.measuring import Measuring
from exporter.rows import TableUsage
from storekeeper.config import Config
from storekeeper.errors import ShopError, StorekeeperError
from storekeeper.files import Tree
from storekeeper.measure.areas import LOGS, watched_areas
from storekeeper.measure.backups import Backup, read_backups
from storekeeper.measure.databases import DatabaseUsage
from storekeeper.measure.disks import DiskUsage, measure_disks
from storekeeper.measure.not_measured import NotMeasured, not_measured
from storekeeper.measure.scanner import TreeUsage
from storekeeper.measure.totals import total_bytes
from storekeeper.shop import ShopDescription


@dataclass(frozen=True, kw_only=True)
class AreaReport:
    """One area: what its walk found, None where there is no such folder, and its limit in bytes."""

    usage: TreeUsage | None
    limit_bytes: int | None


@dataclass(frozen=True, kw_only=True)
class NamedFile:
    """A file by the area it lies in and its name below it, with its apparent bytes."""

    area: str
    name: str
    size_bytes: int


@dataclass(frozen=True, kw_only=True)
class Measurements:
    """
    One moment of the shop's storage. What could not be measured is absent and told in ``problems``.

    ``logs`` and ``large_files`` come the biggest first, ``backups`` the oldest first. ``codes`` is keyed by
    (kind, state), ``orphans`` by area. Sizes are bytes; ``orders`` is None where no model is configured.
    """

    databases: tuple[DatabaseUsage, ...]
    tables: tuple[TableUsage, ...]
    areas: Mapping[str, AreaReport]
    logs: tuple[NamedFile, ...]
    large_files: tuple[NamedFile, ...]
    orphans: Mapping[str, FileCount]
    codes: Mapping[tuple[str, str], FileCount]
    backups: tuple[Backup, ...]
    disks: tuple[DiskUsage, ...]
    orders: int | None
    total_size_bytes: int | None
    total_limit_bytes: int | None
    not_measured: tuple[NotMeasured, ...]
    problems: tuple[str, ...]


def measure_once(config: Config, *, describe: Callable[[], ShopDescription], top: int = 20) -> Measurements:
    """
    Measure the whole shop in the calling thread; ``top`` bounds the list of large files.

    ``describe`` asks the shop about itself. Nothing is raised for a part that cannot be measured.
    """
    measuring = Measuring(config, describe=describe)
    sources = measuring.sources
    problems = []
    jobs: list[Job[Any]] = [measuring.shop.job, *sources.scans.values(), sources.files]
    for job in jobs:
        latest = job.run_once()
        if latest.problem:
            problems.append(f"{job.name}: {latest.problem}")
    databases = sources.databases.measure_all()
    tables = measure_all_tables(sources)
    backups = read_backups(config.backups.path, shop=config.shop)
    damaged = [f"{backup.name}: {backup.problem}" for backup in backups if backup.problem]
    areas = {
        name: AreaReport(usage=sources.scans[name].latest.value, limit_bytes=area.limit)
        for name, area in watched_areas(config).items()
    }
    orders = total = None
    disks: tuple[DiskUsage, ...] = ()
    try:
        storage = measure_storage(sources)
    except StorekeeperError as error:
        problems.append(f"total: {error}")
    else:
        orders = storage.orders
        walked = {name: sources.scans[name].latest for name in storage.areas}
        # A part of the sum is never shown as the sum.
        if not any(latest.problem for latest in walked.values()):
            total = total_bytes(
                storage.databases, areas={name: latest.value for name, latest in walked.items()}
            )
        problems += storage.problems
    try:
        disks = measure_disks(config, databases=sources.databases)
    except OSError as error:
        problems.append(f"disks: {error}")
    missing: tuple[NotMeasured, ...] = ()
    # What the shop did not answer is told already.
    with suppress(ShopError):
        missing = not_measured(config, description=sources.description())
    sources.databases.close()
    files = sources.files.latest.value
    problems += [usage.problem for usage in databases if usage.problem]
    problems += [*tables.problems, *damaged]
    return Measurements(
        databases=databases,
        tables=tables.tables,
        areas=areas,
        logs=_log_files(config),
        large_files=_large_files(areas, top=top),
        orphans=files.orphans if files else {},
        codes=files.codes if files else {},
        backups=backups,
        disks=disks,
        orders=orders,
        total_size_bytes=total,
        total_limit_bytes=config.total.limit,
        not_measured=missing,
        # The same trouble stops several measurements; it is told once.
        problems=tuple(dict.fromkeys(problems)),
    )


def _log_files(config: Config) -> tuple[NamedFile, ...]:
    """Give every file in the area of the logs."""
    area = config.areas.get(LOGS)
    if area is None or not area.path.exists():
        return ()
    with Tree(area.path) as tree:
        found = [NamedFile(area=LOGS, name=file.name, size_bytes=file.size_bytes) for file in tree.walk()]
    return tuple(sorted(found, key=lambda file: (-file.size_bytes, file.name)))


def _large_files(areas: Mapping[str, AreaReport], *, top: int) -> tuple[NamedFile, ...]:
    """Give the biggest files over the configured size, of all areas together."""
    found = [
        NamedFile(area=name, name=file.path, size_bytes=file.size_bytes)
        for name, report in areas.items()
        if report.usage is not None
        for file in report.usage.largest
    ]
    return tuple(sorted(found, key=lambda file: (-file.size_bytes, file.name))[:top])
