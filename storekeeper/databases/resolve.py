"""From a source in the config to the address of a database, anew at each attempt to connect."""

from collections.abc import Callable
from pathlib import Path

from storekeeper.config import DatabaseSource
from storekeeper.config.model import ServerAddress
from storekeeper.databases.address import DatabaseAddress, Engine, address_from_django, address_from_url
from storekeeper.errors import ConfigurationError, DatabaseUnavailable
from storekeeper.shop import ShopDescription


def resolve_server(name: str, source: ServerAddress, *, project: Path) -> DatabaseAddress:
    """Return the address of a PostgreSQL server; raises as ``resolve`` does."""
    url = DatabaseSource(url=source.url, url_file=source.url_file)
    address = resolve(name, url, project=project, description=_nothing_to_ask)
    if address.engine is not Engine.POSTGRESQL:
        raise ConfigurationError(f"{name}: its URL must begin with postgresql://")
    return address


def _nothing_to_ask() -> ShopDescription:
    raise AssertionError("a URL is not asked of the shop")


def resolve(
    name: str, source: DatabaseSource, *, project: Path, description: Callable[[], ShopDescription]
) -> DatabaseAddress:
    """
    Give the address that ``source`` means now: a URL file may be rewritten, a shop may come back.

    ``description`` is asked for ``{django: alias}`` only; what it raises is passed on. Raises
    ConfigurationError for an alias or a URL that cannot be used, DatabaseUnavailable for a URL file
    that cannot be read. No message repeats a URL.
    """
    if source.django is not None:
        settings = description().databases
        if source.django not in settings:
            raise ConfigurationError(
                f"database {name}: the shop has no database {source.django!r}",
                hint=f"Its DATABASES has {', '.join(sorted(settings))}",
            )
        return address_from_django(name, settings=settings[source.django], project=project)
    if source.url is not None:
        return address_from_url(name, url=source.url, project=project)
    assert source.url_file is not None, "the config gives exactly one source"
    try:
        url = source.url_file.read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or "it is not UTF-8 text"
        raise DatabaseUnavailable(f"database {name}: {source.url_file} cannot be read: {reason}") from None
    return address_from_url(name, url=url, project=project)
