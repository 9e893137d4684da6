"""The databases: whether they answer, how large they are, and which of them are one and the same."""

import os
import threading
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from storekeeper.config import Config
from storekeeper.databases import DatabaseAddress, Engine, connect_sqlite
from storekeeper.databases.identity import DatabaseIdentity, identity_of
from storekeeper.databases.resolve import resolve
from storekeeper.errors import DatabaseUnavailable, EngineNotKept, StorekeeperError
from storekeeper.shop import ModelDescription, ShopDescription

if TYPE_CHECKING:
    from storekeeper.databases.kept_connections import KeptConnections

# How long a database may take to answer.
ANSWER_SECONDS: Final = 3.0
# The files that SQLite keeps beside a database in use.
SQLITE_COMPANIONS: Final = ("-wal", "-shm")


@dataclass(frozen=True, kw_only=True)
class DatabaseUsage:
    """
    One database, in bytes. ``up`` tells whether it answered, ``problem`` what is missing if anything.

    ``size_bytes`` is what it takes on disk; of an SQLite file it is known even when the database does
    not answer. ``reclaimable_bytes`` are unused pages (SQLite) or an estimate from dead rows (PostgreSQL).
    ``is_kept`` is false for an engine that storekeeper does not know: not measured, but no failure.
    """

    name: str
    up: bool
    limit_bytes: int | None = None
    size_bytes: int | None = None
    reclaimable_bytes: int | None = None
    problem: str = ""
    is_kept: bool = True


class Databases:
    """
    The databases of a config, as one process asks them; safe for several threads.

    ``description`` gives what the shop says of itself and may raise ShopError. Connections to PostgreSQL stay
    open from question to question until ``close``.
    """

    def __init__(self, config: Config, *, description: Callable[[], ShopDescription]) -> None:
        self._config = config
        self._description = description
        self._lock = threading.Lock()
        self._connections: KeptConnections | None = None
        self._identities: dict[str, DatabaseIdentity] = {}

    @property
    def names(self) -> tuple[str, ...]:
        """Return the names of the databases that can be measured: those of an engine that we know."""
        return tuple(name for name in self._config.databases if self._is_kept(name))

    def address(self, name: str) -> DatabaseAddress:
        """Return where the configured database ``name`` is now; raises a StorekeeperError."""
        return resolve(
            name,
            self._config.databases[name],
            project=self._config.project,
            description=self._description,
        )

    def measure(self, name: str) -> DatabaseUsage:
        """Measure one database; what goes wrong is its ``problem``, never another database's."""
        limit = self._config.databases[name].limit
        try:
            return self._measure(self.address(name), limit_bytes=limit)
        except EngineNotKept as error:
            return DatabaseUsage(name=name, up=False, problem=str(error), is_kept=False)
        except StorekeeperError as error:
            return DatabaseUsage(name=name, up=False, limit_bytes=limit, problem=str(error))

    def measure_all(self) -> tuple[DatabaseUsage, ...]:
        """Measure every database."""
        return tuple(self.measure(name) for name in self.names)

    def size_bytes(self, name: str) -> int:
        """Return the size of one database; raises DatabaseUnavailable where it cannot be told."""
        usage = self.measure(name)
        if usage.size_bytes is None:
            raise DatabaseUnavailable(usage.problem)
        return usage.size_bytes

    def distinct(self) -> tuple[str, ...]:
        """
        Ask every database who it is and return each one once, by the name of the one that is no standby.

        One that does not answer counts as it was known last; one that never answered, as different from all.
        """
        if len(self.names) > 1:
            for name in self.names:
                try:
                    self._identities[name] = identity_of(self.address(name), timeout_seconds=ANSWER_SECONDS)
                except StorekeeperError:
                    # Whoever measures it tells what is wrong with it.
                    continue
        return self.known_distinct()

    def known_distinct(self) -> tuple[str, ...]:
        """Return what ``distinct`` returned last, without asking; every name before the first time."""
        return distinct_names(self.names, identities=self._identities)

    def known_backed_up(self) -> tuple[str, ...]:
        """Return the databases that have backups, by what ``distinct`` was told last, without asking."""
        aliases = {
            name: source.django for name, source in self._config.databases.items() if self._is_kept(name)
        }
        if not self._identities:
            return tuple(aliases)
        try:
            models = self._description().models
        except StorekeeperError:
            return tuple(aliases)
        return backed_up_names(aliases, identities=self._identities, models=models)

    def sqlite_path(self, name: str) -> Path | None:
        """Return the file of an SQLite database, None of any other; raises a StorekeeperError."""
        address = self.address(name)
        return address.path if address.engine is Engine.SQLITE else None

    def close(self) -> None:
        """Close every connection."""
        with self._lock:
            connections, self._connections = self._connections, None
        if connections is not None:
            connections.close()

    def _is_kept(self, name: str) -> bool:
        try:
            self.address(name)
        except EngineNotKept:
            return False
        except StorekeeperError:
            # Not to be had now is not unknown: whoever measures it tells why.
            return True
        return True

    def _measure(self, address: DatabaseAddress, *, limit_bytes: int | None) -> DatabaseUsage:
        if address.engine is Engine.SQLITE:
            return measure_sqlite(address, limit_bytes=limit_bytes)
        # Loaded here: where every database is SQLite no one waits for the driver.
        from storekeeper.databases.kept_connections import KeptConnections
        from storekeeper.measure.postgresql import measure_postgresql

        with self._lock:
            if self._connections is None:
                self._connections = KeptConnections()
            connections = self._connections
        return measure_postgresql(address, limit_bytes=limit_bytes, connections=connections)


def distinct_names(names: Iterable[str], *, identities: Mapping[str, DatabaseIdentity]) -> tuple[str, ...]:
    """Return one name for each database, in the order of ``names``; those without identity stand alone."""
    groups: list[list[str]] = []
    for name in names:
        identity = identities.get(name)
        group = next(
            (
                group
                for group in groups
                if identity is not None
                and (first := identities.get(group[0])) is not None
                and identity.is_same(first)
            ),
            None,
        )
        if group is None:
            groups.append([name])
        elif identity is not None and not identity.standby and identities[group[0]].standby:
            group.insert(0, name)
        else:
            group.append(name)
    return tuple(group[0] for group in groups)


def backed_up_names(
    aliases: Mapping[str, str | None],
    *,
    identities: Mapping[str, DatabaseIdentity],
    models: Sequence[ModelDescription],
) -> tuple[str, ...]:
    """
    Return the databases that are backed up, by name: each once, if one backup of it holds all that is in it.

    ``aliases`` gives the names and what the shop calls each. A backup holds the tables that the shop's
    routers let its alias have, in the schemas that its sessions see: two aliases with different tables need
    a backup each, although they are one database.
    """

    def tables(name: str) -> set[str]:
        return {model.label for model in models if aliases[name] in model.migrated_in}

    kept = list(distinct_names(aliases, identities=identities))
    for name in aliases:
        mine = identities.get(name)
        if mine is None or name in kept:
            continue
        twin = next(one for one in kept if one in identities and mine.is_same(identities[one]))
        if not tables(name) <= tables(twin) or mine.schemas != identities[twin].schemas:
            kept.append(name)
    return tuple(name for name in aliases if name in kept)


def database_bytes(address: DatabaseAddress) -> int:
    """Return the size of the database at an address; raises DatabaseUnavailable."""
    if address.engine is Engine.SQLITE:
        size = sqlite_size(address.path) if address.path else None
        if size is None:
            raise DatabaseUnavailable(f"database {address.name}: there is no file {address.path}")
        return size
    from storekeeper.measure.postgresql import postgresql_bytes

    return postgresql_bytes(address)


def sqlite_size(path: Path) -> int | None:
    """Return the bytes of the file with its write-ahead log, None where there is no file."""
    sizes = []
    for suffix in ("", *SQLITE_COMPANIONS):
        try:
            sizes.append(os.stat(f"{path}{suffix}").st_size)  # noqa: PTH116 - the name is the path with a suffix
        except OSError:
            if not suffix:
                return None
    return sum(sizes)


def measure_sqlite(address: DatabaseAddress, *, limit_bytes: int | None) -> DatabaseUsage:
    """Measure an SQLite file."""
    size = sqlite_size(address.path) if address.path else None
    reclaimable = None
    problem = ""
    try:
        with connect_sqlite(address, timeout_seconds=ANSWER_SECONDS) as connection:
            # Reading the schema proves that this is a database; the pragmas alone would not.
            connection.execute("SELECT count(*) FROM sqlite_master").fetchone()
            [page_size] = connection.execute("PRAGMA page_size").fetchone()
            [free_pages] = connection.execute("PRAGMA freelist_count").fetchone()
            reclaimable = page_size * free_pages
    except DatabaseUnavailable as error:
        problem = str(error)
    return DatabaseUsage(
        name=address.name,
        up=not problem,
        limit_bytes=limit_bytes,
        size_bytes=size,
        reclaimable_bytes=reclaimable,
        problem=problem,
    )
