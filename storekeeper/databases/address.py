"""The address of one database, from the shop's Django settings or from a URL."""

import enum
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

from storekeeper.errors import ConfigurationError, EngineNotKept


class Engine(enum.StrEnum):
    """The kinds of database that storekeeper keeps."""

    SQLITE = "sqlite"
    POSTGRESQL = "postgresql"


@dataclass(frozen=True, kw_only=True)
class DatabaseAddress:
    """
    Where a database is and how to enter it.

    SQLite has a ``path``; PostgreSQL has ``parameters``, libpq's connection keywords. They may hold a
    password, so they are never shown. ``role`` is the one that the shop assumes after its login: it owns what
    the shop makes.
    """

    name: str
    engine: Engine
    path: Path | None = None
    parameters: Mapping[str, str] = field(default_factory=dict, repr=False)
    role: str = ""

    @property
    def label(self) -> str:
        """Give what may be shown: the file, or host and database without user and password."""
        if self.path is not None:
            return str(self.path)
        host = self.parameters.get("host", "localhost")
        return f"{self.parameters.get('dbname', '')} on {host}"


# Django's engines, GIS and connection-pool wrappers by their last word.
_DJANGO_ENGINES = MappingProxyType(
    {"sqlite3": Engine.SQLITE, "spatialite": Engine.SQLITE, "postgis": Engine.POSTGRESQL}
)
# What makes a backup of a database that storekeeper does not keep.
_OWN_TOOLS = MappingProxyType({"mysql": "mysqldump --single-transaction", "oracle": "expdp"})
_LIBPQ_KEYS = MappingProxyType(
    {"NAME": "dbname", "USER": "user", "PASSWORD": "password", "HOST": "host", "PORT": "port"}
)
# Options of Django's PostgreSQL backend that are no words of libpq.
_NOT_LIBPQ = frozenset({"isolation_level", "server_side_binding", "assume_role", "pool"})


def address_from_django(name: str, *, settings: Mapping[str, Any], project: Path) -> DatabaseAddress:
    """
    Give the address that Django's ``DATABASES[alias]`` means; a relative SQLite file counts from ``project``.

    Raises EngineNotKept for an engine that storekeeper does not know.
    """
    engine_name = str(settings.get("ENGINE", ""))
    last_word = engine_name.rpartition(".")[2]
    engine = _DJANGO_ENGINES.get(last_word)
    if engine is None and "postgres" in engine_name:
        engine = Engine.POSTGRESQL
    if engine is Engine.SQLITE:
        return DatabaseAddress(name=name, engine=engine, path=project / str(settings.get("NAME", "")))
    if engine is Engine.POSTGRESQL:
        options = {
            key: str(value)
            for key, value in (settings.get("OPTIONS") or {}).items()
            if isinstance(value, str | int) and key not in _NOT_LIBPQ
        }
        named = {libpq: str(settings[key]) for key, libpq in _LIBPQ_KEYS.items() if settings.get(key)}
        role = str((settings.get("OPTIONS") or {}).get("assume_role") or "")
        return DatabaseAddress(name=name, engine=engine, parameters={**options, **named}, role=role)
    raise EngineNotKept(
        f"database {name}: the engine {engine_name or '(none)'} is not one that storekeeper keeps",
        hint="It keeps SQLite and PostgreSQL. Remove this database from the config: media, logs, disks and "
        "the other databases are kept without it. Back it up with "
        f"{_OWN_TOOLS.get(last_word, 'its own tools')}",
    )


def address_from_url(name: str, *, url: str, project: Path) -> DatabaseAddress:
    """
    Give the address in ``sqlite:///path`` or ``postgresql://user:password@host:port/name?key=value``.

    ``sqlite:///relative`` counts from ``project``, ``sqlite:////absolute`` does not; ``assume_role=NAME`` is
    the role to work as. Raises ConfigurationError; the message never repeats the URL, which may hold a
    password.
    """
    try:
        parts = urlsplit(url.strip())
        host, port = parts.hostname or "", parts.port
    except ValueError:
        raise ConfigurationError(f"database {name}: its URL cannot be read") from None
    path = unquote(parts.path)
    if parts.scheme in ("sqlite", "sqlite3") and len(path) > 1:
        return DatabaseAddress(name=name, engine=Engine.SQLITE, path=project / path[1:])
    if parts.scheme in ("postgresql", "postgres", "pgsql") and len(path) > 1:
        given = {
            "dbname": path[1:],
            "user": unquote(parts.username or ""),
            "password": unquote(parts.password or ""),
            "host": unquote(host),
            "port": str(port or ""),
        }
        parameters = {key: value for key, value in given.items() if value} | dict(parse_qsl(parts.query))
        role = parameters.pop("assume_role", "")
        return DatabaseAddress(name=name, engine=Engine.POSTGRESQL, parameters=parameters, role=role)
    raise ConfigurationError(
        f"database {name}: its URL is not one that storekeeper knows",
        hint="Write sqlite:///db.sqlite3 or postgresql://user:password@host:5432/name",
    )
