"""How full a resource is now, read from the ground: the filesystem, the files, the database itself."""

import os
import shutil
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from storekeeper.config import Config
from storekeeper.databases import Engine, connect_postgresql
from storekeeper.databases.resolve import resolve
from storekeeper.errors import DatabaseUnavailable, UnsafePath
from storekeeper.files import Tree
from storekeeper.measure.resources import BACKUPS, DATABASE, DISK, STORAGE, Resource, mountpoints
from storekeeper.shop import ShopDescription


@dataclass(frozen=True, kw_only=True)
class Usage:
    """Bytes used of the bytes that may be used; a disk's are counted as ``df`` counts them."""

    used_bytes: int
    capacity_bytes: int

    @property
    def ratio(self) -> float:
        """Give used / capacity, 0..1 and more."""
        return self.used_bytes / self.capacity_bytes if self.capacity_bytes else 0.0


class UsageReader:
    """Reads the usage of any resource of a config; ``describe`` gives the shop where a database needs it."""

    def __init__(self, config: Config, *, describe: Callable[[], ShopDescription]) -> None:
        self._config = config
        self._describe = describe

    def read(self, resource: Resource) -> Usage | None:
        """
        Give the usage; the fullest where the resource names several, None where there is no limit.

        Raises DatabaseUnavailable, ShopError or ConfigurationError when a database cannot be asked.
        """
        if resource.kind == DISK:
            names = [Path(resource.name)] if resource.name else mountpoints(self._config)
            return _fullest([_disk(name) for name in names])
        if resource.kind == DATABASE:
            databases = [resource.name] if resource.name else list(self._config.databases)
            return _fullest([self._database(name) for name in databases])
        if resource.kind == STORAGE:
            return self._storage()
        area = self._config.areas.get(resource.kind)
        if area is None and resource.kind == BACKUPS:
            return _tree(self._config.backups.path, limit=self._config.backups.limit)
        return _tree(area.path, limit=area.limit) if area else None

    def _storage(self) -> Usage | None:
        if not self._config.total.limit:
            return None
        used = sum(self._database_size(name) for name in self._config.databases)
        used += sum(tree_size(area.path) for area in self._config.areas.values())
        return Usage(used_bytes=used, capacity_bytes=self._config.total.limit)

    def _database(self, name: str) -> Usage | None:
        limit = self._config.databases[name].limit
        return Usage(used_bytes=self._database_size(name), capacity_bytes=limit) if limit else None

    def _database_size(self, name: str) -> int:
        address = resolve(
            name,
            self._config.databases[name],
            project=self._config.project,
            description=self._describe,
        )
        if address.engine is Engine.SQLITE:
            assert address.path is not None, "a SQLite address has a path"
            try:
                return address.path.stat().st_size
            except OSError as error:
                raise DatabaseUnavailable(f"database {name}: {error.strerror}") from None
        with connect_postgresql(address) as connection:
            row = connection.execute("SELECT pg_database_size(current_database())").fetchone()
        return int(row[0]) if row else 0


def tree_size(path: Path) -> int:
    """Give the bytes of the regular files below ``path``; a folder that is missing holds none."""
    with suppress(UnsafePath), Tree(path) as tree:
        return sum(file.size_bytes for file in tree.walk())
    return 0


def _tree(path: Path, *, limit: int | None) -> Usage | None:
    return Usage(used_bytes=tree_size(path), capacity_bytes=limit) if limit else None


def _disk(mountpoint: Path) -> Usage:
    if hasattr(os, "statvfs"):
        status = os.statvfs(mountpoint)
        used = (status.f_blocks - status.f_bfree) * status.f_frsize
        available = status.f_bavail * status.f_frsize
        return Usage(used_bytes=used, capacity_bytes=used + available)
    usage = shutil.disk_usage(mountpoint)
    return Usage(used_bytes=usage.used, capacity_bytes=usage.used + usage.free)


def _fullest(found: list[Usage | None] | list[Usage]) -> Usage | None:
    return max((usage for usage in found if usage is not None), key=lambda usage: usage.ratio, default=None)
