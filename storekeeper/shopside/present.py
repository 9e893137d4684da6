"""Where the rows of models lie: the tables that are there, by whatever means ``db_table`` leads to them."""

from __future__ import annotations

import re
from typing import Any, NamedTuple

# The schema of SQLite's own file, as a db_table may name it.
_MAIN = re.compile(r'"?main"\."', re.IGNORECASE)


class Place(NamedTuple):
    """A table that is there: its schema (``""`` on SQLite), its name, and its number on PostgreSQL."""

    schema: str
    table: str
    oid: int
    is_view: bool

    @property
    def sql(self) -> str:
        """Return the name as SQL takes it, whatever the search path is."""
        return f"{quoted(self.schema)}.{quoted(self.table)}" if self.schema else quoted(self.table)

    @property
    def name(self) -> str:
        """Return the name that the table has in a manifest."""
        if self.schema in ("", "public"):
            return _part(self.table) if self.schema else self.table
        return f"{_part(self.schema)}.{_part(self.table)}"


def quoted(name: str) -> str:
    """Return a name as SQL takes it; Django leaves one alone that begins and ends with a quotation mark."""
    return '"' + name.replace('"', '""') + '"'


def present_tables(connection: Any) -> dict[Any, Place]:
    """Return where the table of each model in the fixture lies, for those that have one."""
    from .fixture_tables import fixture_models

    models = fixture_models(connection.alias)
    found = places(connection, [model._meta.db_table for model in models])
    return {model: found[model._meta.db_table] for model in models if model._meta.db_table in found}


def places(connection: Any, names: list[str]) -> dict[str, Place]:
    """
    Return where each ``db_table`` lies, for those that are there.

    A name may hold a schema, ``'"archive"."items"'``; without one the search path decides. SQLite does not
    tell capital letters from small ones.
    """
    with connection.cursor() as cursor:
        if connection.vendor != "postgresql":
            cursor.execute(
                "SELECT lower(name), name, type FROM sqlite_master WHERE type IN ('table', 'view')"
            )
            found = {row[0]: Place("", row[1], 0, row[2] == "view") for row in cursor.fetchall()}
            plain = {name: _small(_MAIN.sub("", name).strip('"')) for name in names}
            return {name: found[table] for name, table in plain.items() if table in found}
        cursor.execute(
            "SELECT w.name, n.nspname, c.relname, c.oid::bigint, c.relkind IN ('v', 'm')"
            " FROM unnest(%s::text[], %s::text[]) AS w (name, quoted)"
            " JOIN pg_catalog.pg_class c ON c.oid = to_regclass(w.quoted)"
            " JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace",
            [names, [connection.ops.quote_name(name) for name in names]],
        )
        return {row[0]: Place(*row[1:]) for row in cursor.fetchall()}


def _small(name: str) -> str:
    return "".join(sign.lower() if sign.isascii() else sign for sign in name)


def _part(name: str) -> str:
    return name if name and "." not in name and '"' not in name else quoted(name)
