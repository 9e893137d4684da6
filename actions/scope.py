"""The databases of the config, with their addresses and the names that Django knows them by."""

from contextlib import suppress
from dataclasses import dataclass

from storekeeper.config import Config, DatabaseSource
from storekeeper.databases import DatabaseAddress
from storekeeper.databases.identity import identity_of
from storekeeper.databases.resolve import resolve
from storekeeper.errors import ConfigurationError, DatabaseUnavailable, EngineNotKept
from storekeeper.measure.databases import backed_up_names
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
    Return the databases of the config, or the one named ``only``; a config without any means ``default``.

    Each database comes once, however many names it has, and one of an engine that storekeeper does not know
    never, unless it is asked for by its name. Raises ConfigurationError for a name or an address that is not
    known.
    """
    sources = config.databases or {"default": DatabaseSource(django="default")}
    if only is not None and only not in sources:
        raise ConfigurationError(
            f"the config has no database {only!r}", hint=f"Its databases: are {', '.join(sources)}"
        )
    found = []
    for name, source in sources.items():
        if only not in (None, name):
            continue
        try:
            address = resolve(name, source, project=config.project, description=lambda: description)
        except EngineNotKept:
            if only is not None or len(sources) == 1:
                raise
            continue
        found.append(Database(name=name, address=address, alias=source.django))
    return _each_once(found, description=description)


def _each_once(databases: list[Database], *, description: ShopDescription) -> list[Database]:
    """Leave out what is the same database as another one and holds no table that the other one lacks."""
    if len(databases) < 2:
        return databases
    identities = {}
    for database in databases:
        # One that does not answer is left to whoever works on it, and fails there with its own words.
        with suppress(DatabaseUnavailable):
            identities[database.name] = identity_of(database.address)
    aliases = {database.name: database.alias for database in databases}
    kept = backed_up_names(aliases, identities=identities, models=description.models)
    return [database for database in databases if database.name in kept]
