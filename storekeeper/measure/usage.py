"""How full a resource is now, read from the ground: the filesystem, the files, the database itself."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from storekeeper.config import Config
from storekeeper.errors import StorekeeperError
from storekeeper.measure.areas import measure_area, watched_areas
from storekeeper.measure.databases import Databases
from storekeeper.measure.disks import DiskUsage, measure_disk, measure_disks
from storekeeper.measure.resources import DATABASE, DISK, STORAGE, Resource
from storekeeper.measure.scanner import TreeUsage
from storekeeper.measure.totals import outermost_areas, sizes_outside_areas, total_bytes
from storekeeper.shop import KnownShop, ShopDescription


@dataclass(frozen=True, kw_only=True)
class Usage:
    """Bytes used of the bytes that may be used; a disk's are counted as ``df`` counts them."""

    used_bytes: int
    capacity_bytes: int

    @property
    def ratio(self) -> float:
        """Return used / capacity, 0..1 and more."""
        return self.used_bytes / self.capacity_bytes if self.capacity_bytes else 0.0


@dataclass(frozen=True, kw_only=True)
class Part:
    """One part of the shop: ``used_bytes`` is None where there is none yet or where ``problem`` says why."""

    resource: Resource
    used_bytes: int | None = None
    capacity_bytes: int | None = None
    problem: str = ""

    @property
    def usage(self) -> Usage | None:
        """Return how full it is, None without a size or a limit."""
        if self.used_bytes is None or not self.capacity_bytes:
            return None
        return Usage(used_bytes=self.used_bytes, capacity_bytes=self.capacity_bytes)


class UsageReader:
    """
    Reads the usage of any resource of a config; safe for several threads.

    ``describe`` asks the shop; its answer is kept for a while, also over a shop that does not start any more.
    """

    def __init__(self, config: Config, *, describe: Callable[[], ShopDescription]) -> None:
        self._config = config
        self._description = KnownShop(describe)

    def read(self, resource: Resource) -> Usage | None:
        """
        Return the usage; the fullest where the resource names several, None where there is no limit.

        Raises DatabaseUnavailable, ShopError or ConfigurationError when a database cannot be asked, ScanError
        for a folder and OSError for a disk that cannot be read.
        """
        with self._reading() as reading:
            return _fullest(reading.parts_of(resource))

    def parts(self) -> tuple[Part, ...]:
        """Return every database, area and disk and all of it together; each area is walked once."""
        with self._reading() as reading:
            return tuple(reading.all_parts())

    def _reading(self) -> "_Reading":
        return _Reading(self._config, description=self._description)


class _Reading:
    """One look at everything; what was looked at is not looked at again."""

    def __init__(self, config: Config, *, description: Callable[[], ShopDescription]) -> None:
        self._config = config
        self._databases = Databases(config, description=description)
        self._trees: dict[str, TreeUsage | None] = {}

    def __enter__(self) -> "_Reading":
        return self

    def __exit__(self, *_exception: object) -> None:
        self._databases.close()

    def parts_of(self, resource: Resource) -> Iterator[Part]:
        """Yield the parts that a resource means; raises what keeps one from being read."""
        if resource.kind == DISK:
            disks = [measure_disk(Path(resource.name))] if resource.name else self._disks()
            yield from map(_disk, disks)
        elif resource.kind == DATABASE:
            names = [resource.name] if resource.name else self._databases.names
            yield from (self._database(name) for name in names if self._limit_of(name))
        elif resource.kind == STORAGE:
            if self._config.total.limit:
                yield self._storage()
        elif resource.kind in (areas := watched_areas(self._config)) and areas[resource.kind].limit:
            yield self._area(resource.kind)

    def all_parts(self) -> Iterator[Part]:
        """Yield every part; one that cannot be read has its problem in it and holds up no other."""
        for name in self._databases.names:
            yield _told(Resource(kind=DATABASE, name=name), partial(self._database, name))
        for name in watched_areas(self._config):
            yield _told(Resource(kind=name), partial(self._area, name))
        yield _told(Resource(kind=STORAGE), self._storage)
        try:
            yield from map(_disk, self._disks())
        except OSError as error:
            yield Part(resource=Resource(kind=DISK), problem=str(error))

    def _database(self, name: str) -> Part:
        return Part(
            resource=Resource(kind=DATABASE, name=name),
            used_bytes=self._databases.size_bytes(name),
            capacity_bytes=self._limit_of(name),
        )

    def _area(self, name: str) -> Part:
        tree = self._tree(name)
        return Part(
            resource=Resource(kind=name),
            used_bytes=None if tree is None else tree.size_bytes,
            capacity_bytes=watched_areas(self._config)[name].limit,
        )

    def _limit_of(self, database: str) -> int | None:
        source = self._config.databases.get(database)
        return source.limit if source else None

    def _storage(self) -> Part:
        sizes = sizes_outside_areas(self._config, databases=self._databases)
        trees = {name: self._tree(name) for name in outermost_areas(self._config)}
        return Part(
            resource=Resource(kind=STORAGE),
            used_bytes=total_bytes(sizes, areas=trees),
            capacity_bytes=self._config.total.limit,
        )

    def _tree(self, name: str) -> TreeUsage | None:
        if name not in self._trees:
            self._trees[name] = measure_area(self._config, name)
        return self._trees[name]

    def _disks(self) -> tuple[DiskUsage, ...]:
        return measure_disks(self._config, databases=self._databases)


def _disk(disk: DiskUsage) -> Part:
    return Part(
        resource=Resource(kind=DISK, name=disk.mountpoint),
        used_bytes=disk.used_bytes,
        capacity_bytes=disk.used_bytes + disk.available_bytes,
    )


def _told(resource: Resource, read: Callable[[], Part]) -> Part:
    try:
        return read()
    except (StorekeeperError, OSError) as error:
        return Part(resource=resource, problem=str(error))


def _fullest(parts: Iterable[Part]) -> Usage | None:
    found = [usage for part in parts if (usage := part.usage) is not None]
    return max(found, key=lambda usage: usage.ratio, default=None)
