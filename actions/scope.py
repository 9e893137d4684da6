"""The databases of the config, with their addresses and the names that Django knows them by."""

from dataclasses import dataclass

from storekeeper.config import Config, DatabaseSource
from storekeeper.databases import DatabaseAddress, Engine, connect_postgresql
from storekeeper.databases.resolve import resolve
from storekeeper.errors import ConfigurationError, DatabaseUnavailable
from storekeeper.shop import ShopDescription


@dataclass(frozen=True, kw_only=True)
class Database:
    """
    One database: its name in the config, its address, and its alias in the shop's DATABASES.

    The alias is None for a database that is configured by a URL: the shop's Django does not know it.
    """

    name: str
    address: DatabaseAddress
    alias: str | None


def databases_of(config: Config, *, description: ShopDescription, only: str | None = None) -> list[Database]:
    """
    Give the databases of the config, or the one named ``only``; a config without any means ``default``.

    Raises ConfigurationError for a name or an address that is not known.
    """
    sources = config.databases or {"default": DatabaseSource(django="default")}
    if only is not None and only not in sources:
        raise ConfigurationError(
            f"the config has no database {only!r}", hint=f"Its databases: are {', '.join(sources)}"
        )
    return [
        Database(
            name=name,
            address=resolve(name, source, project=config.project, description=lambda: description),
            alias=source.django,
        )
        for name, source in sources.items()
        if only in (None, name)
    ]


def database_size_bytes(address: DatabaseAddress) -> int:
    """Give the size of a database as it lies on its disk; raises DatabaseUnavailable."""
    if address.engine is Engine.SQLITE:
        try:
            assert address.path is not None
            return address.path.stat().st_size
        except OSError:
            raise DatabaseUnavailable(f"database {address.name}: there is no file {address.path}") from None
    with connect_postgresql(address) as connection:
        row = connection.execute("SELECT pg_database_size(current_database())").fetchone()
    assert row is not None
    return int(row[0])
