"""
The names that tables of PostgreSQL have in a manifest: ``app_order`` in ``public``, else ``reports.days``.

A part with a dot or a quotation mark is quoted as in SQL: ``"legacy.items"`` is one table in ``public``.
Older manifests did not quote: ``legacy.items`` there may be that table too.
"""

import re
from collections.abc import Collection, Mapping
from typing import Final, TypeVar

Value = TypeVar("Value")

PUBLIC: Final = "public"
_PART: Final = re.compile(r'"((?:[^"]|"")*)"|([^".]+)')


def table_name(schema: str, table: str) -> str:
    """Return the name of a table in a manifest."""
    return _part(table) if schema == PUBLIC else f"{_part(schema)}.{_part(table)}"


def table_of(name: str, *, present: Collection[tuple[str, str]] = ()) -> tuple[str, str]:
    """
    Return schema and table of a name in a manifest.

    Of what an older manifest may mean, the reading that is ``present`` is taken.
    """
    parts = [found[1].replace('""', '"') if found[1] else found[2] for found in _PART.finditer(name)]
    whole = ".".join(_part(part) for part in parts)
    if '"' in name and whole == name and len(parts) <= 2:
        return (PUBLIC, parts[0]) if len(parts) == 1 else (parts[0], parts[1])
    readings = [(PUBLIC, name)]
    readings += [(name[:place], name[place + 1 :]) for place, sign in enumerate(name) if sign == "."]
    # What an older version meant by it, where nothing else helps.
    schema, _, table = name.rpartition(".")
    return next((one for one in readings if one in present), (schema or PUBLIC, table))


def is_of_migrate(name: str) -> bool:
    """Return whether it is the table, in whichever schema, where migrate writes down what it has done."""
    return table_of(name)[1] == "django_migrations"


def named_alike(expected: Mapping[str, Value], *, found: Collection[str]) -> dict[str, Value]:
    """Return ``expected`` with the names of an older manifest as ``found`` spells them."""
    present = {table_of(name): name for name in found}
    return {present.get(table_of(name, present=present), name): value for name, value in expected.items()}


def _part(name: str) -> str:
    if name and "." not in name and '"' not in name:
        return name
    return '"' + name.replace('"', '""') + '"'
