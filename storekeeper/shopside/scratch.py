"""Lead the shop's Django to a scratch database, so that nothing it does then can reach a live one."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

PREFIX = "storekeeper_verify_"


# Options that mean on every server what they mean on the shop's own.
_EVERYWHERE = ("options", "isolation_level", "server_side_binding", "client_encoding", "cursor_factory")


def enter_scratch(*, database: str, name: str, server: dict[str, str] | None = None) -> Iterator[Any]:
    """
    Point ``database`` at the scratch database ``name`` for the rest of this interpreter's life.

    It is beside the live one, or on the PostgreSQL server with these keywords of libpq.
    From then on nothing but rows is written, and every other database of the shop is unreachable: a
    migration that writes there fails loudly.
    Raises ValueError, before any query, for a name that is not a scratch database's or is a live one's,
    and when the connection leads anywhere else.
    """
    enter_all({database: name}, servers={database: server})
    yield {"entered": name}


def enter_all(names: dict[str, str], *, servers: dict[str, Any]) -> None:
    """Do the same for several databases, by their aliases; all others are unreachable."""
    import os

    from django.db import connections

    from .no_effects import silence_for_good

    silence_for_good()
    settings = connections.databases
    live = {alias: dict(settings[alias]) for alias in settings}
    for name in names.values():
        if not os.path.basename(name).startswith(PREFIX):  # noqa: PTH119 - the name may be no path at all
            raise ValueError(f"{name} is not the name of a scratch database")
        for other, one in live.items():
            if str(one.get("NAME")) == name:
                raise ValueError(f"{name} is the live database {other}")
    for alias in live:
        connections[alias].close()
        del connections[alias]
    scratch = {alias: _scratch(live[alias], name=names[alias], server=servers.get(alias)) for alias in names}
    for alias, one in live.items():
        # A replica of the same database must read what is written to the scratch one.
        same = alias if alias in names else _same(one, names=names, live=live)
        settings[alias] = scratch[same] if same else {**one, "ENGINE": "django.db.backends.dummy"}
    for alias, name in names.items():
        _require_scratch(connections[alias], name=name)


def _same(one: dict[str, Any], *, names: dict[str, str], live: dict[str, Any]) -> str | None:
    name = one.get("NAME")
    return next((alias for alias in names if name and live[alias].get("NAME") == name), None)


def _scratch(live: dict[str, Any], *, name: str, server: dict[str, str] | None) -> dict[str, Any]:
    """Return the settings that lead to the scratch database."""
    options = {
        # A pool belongs to the live database, and dbname would win over NAME.
        key: value
        for key, value in (live.get("OPTIONS") or {}).items()
        if key not in ("dbname", "pool")
    }
    scratch = {**live, "NAME": name, "OPTIONS": options}
    if server is not None:
        named = {"HOST": "host", "PORT": "port", "USER": "user", "PASSWORD": "password"}
        scratch.update({setting: server.get(word, "") for setting, word in named.items()})
        scratch["OPTIONS"] = {
            **{key: value for key, value in options.items() if key in _EVERYWHERE},
            **{key: value for key, value in server.items() if key not in ("dbname", *named.values())},
        }
    return scratch


def _require_scratch(connection: Any, *, name: str) -> None:
    """Ask the database itself where we are."""
    import os

    with connection.cursor() as cursor:
        if connection.vendor == "sqlite":
            cursor.execute("PRAGMA database_list")
            found = cursor.fetchone()[2]
            right = os.path.realpath(found) == os.path.realpath(name)
        else:
            cursor.execute("SELECT current_database()")
            found = cursor.fetchone()[0]
            right = found == name
    if not right:
        connection.close()
        raise ValueError(f"the shop's Django went to {found}, not to the scratch database {name}")
