"""Every database of the shop, whether or not the config lists it."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final
from urllib.parse import unquote, urlsplit

from storekeeper.config import Config
from storekeeper.databases import DatabaseAddress, Engine, address_from_django
from storekeeper.databases.resolve import resolve
from storekeeper.errors import ConfigurationError
from storekeeper.shop import ShopDescription

# Django's stand-in for "no database".
_NONE: Final = "dummy"


@dataclass(frozen=True, kw_only=True)
class ShopDatabase:
    """One database with all names that the shop has for it; ``role`` is the one that the shop assumes."""

    address: DatabaseAddress
    aliases: tuple[str, ...]
    role: str = ""


@dataclass(kw_only=True)
class _Known:
    address: DatabaseAddress
    role: str
    aliases: list[str] = field(default_factory=list)


def shop_databases(config: Config, *, description: ShopDescription) -> tuple[ShopDatabase, ...]:
    """
    Return every database that may name files, each once.

    All of the shop's ``DATABASES``, and those of the config that have an address of their own. Raises
    ConfigurationError for one of a kind that cannot be asked: an answer without it would be half an answer.
    """
    known: dict[Any, _Known] = {}
    for alias, address, role in _all(config, description):
        place = address.path.resolve() if address.path else frozenset(address.parameters.items())
        known.setdefault((place, role), _Known(address=address, role=role)).aliases.append(alias)
    return tuple(
        ShopDatabase(address=one.address, aliases=tuple(one.aliases), role=one.role) for one in known.values()
    )


def _all(config: Config, description: ShopDescription) -> Iterator[tuple[str, DatabaseAddress, str]]:
    for alias, settings in description.databases.items():
        if str(settings.get("ENGINE", "")).rpartition(".")[2] == _NONE:
            continue
        try:
            address = address_from_django(alias, settings=settings, project=config.project)
        except ConfigurationError:
            raise ConfigurationError(
                f"database {alias} ({settings.get('ENGINE')}) cannot be asked which files it names",
                hint="Only SQLite and PostgreSQL can. Until then no file of this shop is an orphan",
            ) from None
        if address.engine is Engine.SQLITE:
            path = _sqlite_path(str(settings.get("NAME", "")), config.project)
            if path is not None:
                yield alias, DatabaseAddress(name=alias, engine=Engine.SQLITE, path=path), ""
        else:
            yield alias, address, _role(settings)
    for name, source in config.databases.items():
        if source.django is None:
            address = resolve(name, source, project=config.project, description=lambda: description)
            yield name, address, ""


def _sqlite_path(name: str, project: Path) -> Path | None:
    """Return the file of an SQLite database, None for one that lives in memory and keeps nothing."""
    if not name or ":memory:" in name or "mode=memory" in name:
        return None
    if name.startswith("file:"):
        # With OPTIONS {"uri": True}.
        name = unquote(urlsplit(name).path)
    return project / name


def _role(settings: Mapping[str, Any]) -> str:
    return str((settings.get("OPTIONS") or {}).get("assume_role") or "")
