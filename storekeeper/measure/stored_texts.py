"""
Every text that a database stores, read raw: no model, manager or field class stands between.

Each base table, and each of its columns that can hold text. Half an answer is none: a table that cannot be
read, or that hides rows from the shop's user, is an error that names it.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Final

from storekeeper.databases import DatabaseAddress
from storekeeper.errors import DatabaseUnavailable

HINT: Final = (
    "A file may go only when every table was asked. Let the shop's database user read the table,"
    " or try again when nothing holds it"
)


@dataclass(frozen=True, kw_only=True)
class StoredTexts:
    """
    Texts of one column, as bytes: UTF-8 where the database knows them as text.

    A table of a schema that the shop does not look through by itself is named with it.
    """

    table: str
    column: str
    values: Sequence[bytes]


def first_tables(tables: Collection[str], *, first: Collection[str]) -> list[str]:
    """Return the tables with those of ``first`` in front: what names most files is read before the rest."""
    return sorted(tables, key=lambda table: (bare(table) not in first, table))


def bare(table: str) -> str:
    """Return the name of a table without its schema, be it ours or one that ``db_table`` quotes."""
    return table.rpartition(".")[2].strip('"')


def unreadable(address: DatabaseAddress, *, table: str, error: Exception | str) -> DatabaseUnavailable:
    """Return the error for a table that cannot be read."""
    words = str(error).strip()
    return DatabaseUnavailable(
        f"table {table} of database {address.name} cannot be asked which files it names: {words}", hint=HINT
    )
