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
    import os

    from django.db import connections

    from .no_effects import silence_for_good

    silence_for_good()
    if not os.path.basename(name).startswith(PREFIX):  # noqa: PTH119 - the name may be no path at all
        raise ValueError(f"{name} is not the name of a scratch database")
    settings = connections.databases
    for alias in list(settings):
        if str(settings[alias].get("NAME")) == name:
            raise ValueError(f"{name} is the live database {alias}")
        connections[alias].close()
        del connections[alias]
    live_name = settings[database].get("NAME")
    options = {
        # A pool belongs to the live database, and dbname would win over NAME.
        key: value
        for key, value in (settings[database].get("OPTIONS") or {}).items()
        if key not in ("dbname", "pool")
    }
    scratch = {**settings[database], "NAME": name, "OPTIONS": options}
    if server is not None:
        named = {"HOST": "host", "PORT": "port", "USER": "user", "PASSWORD": "password"}
        scratch.update({setting: server.get(word, "") for setting, word in named.items()})
        scratch["OPTIONS"] = {
            **{key: value for key, value in options.items() if key in _EVERYWHERE},
            **{key: value for key, value in server.items() if key not in ("dbname", *named.values())},
        }
    for alias, live in list(settings.items()):
        # A replica of the same database must read what is written to the scratch one.
        same = alias == database or (live_name and live.get("NAME") == live_name)
        settings[alias] = scratch if same else {**live, "ENGINE": "django.db.backends.dummy"}
    _require_scratch(connections[database], name=name)
    yield {"entered": name}


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
