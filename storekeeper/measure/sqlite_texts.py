"""
Every text in an SQLite database. Any column may hold text there, whatever its declared type.

Where the shop keeps a write-ahead log, everything is read in one snapshot. Elsewhere a reader that stays
would keep the shop from committing. A small database is then read in one go; a larger one page by page, and
once more when something was written meanwhile: a name that moved from a table behind the reader to one
before it is found the second time.
"""

import sqlite3
from collections.abc import Collection, Iterator
from contextlib import suppress
from dataclasses import dataclass
from typing import Final

from storekeeper.databases import DatabaseAddress, connect_sqlite
from storekeeper.errors import DatabaseUnavailable
from storekeeper.measure.stored_texts import StoredTexts, first_tables, unreadable

LOCK_SECONDS: Final = 30.0
# So much is read in about a second; for so long a commit can wait.
READ_AT_ONCE_BYTES: Final = 64_000_000
PAGE_ROWS: Final = 2000
# Larger values are read one by one.
LARGE_VALUE: Final = 500_000
_ROW_NUMBERS: Final = ("rowid", "_rowid_", "oid")
_TABLES: Final = """
    SELECT name FROM sqlite_master
     WHERE type = 'table' AND name NOT LIKE 'sqlite\\_%' ESCAPE '\\' AND sql NOT LIKE 'CREATE VIRTUAL %'
"""
# Numbers and nothing are left out; 1 stands for a large value.
_VALUE: Final = (
    "CASE WHEN typeof({0}) NOT IN ('text', 'blob') THEN NULL"
    f" WHEN length({{0}}) > {LARGE_VALUE} THEN 1 ELSE {{0}} END"
)


@dataclass(frozen=True, kw_only=True)
class _Table:
    name: str
    columns: tuple[str, ...]
    number: str
    """What the row's number is called, ``""`` in a table without."""


def sqlite_texts(
    address: DatabaseAddress, *, first: Collection[str], at_once: bool = True
) -> Iterator[StoredTexts | None]:
    """
    Yield the texts of every table, those of ``first`` before others; None begins a second reading.

    Unless ``at_once``, the reader may rest in between, and holds nobody up meanwhile. Raises
    DatabaseUnavailable.
    """
    _check_file(address)
    with connect_sqlite(address, timeout_seconds=LOCK_SECONDS) as connection:
        assert address.path is not None
        [journal] = connection.execute("PRAGMA journal_mode").fetchone()
        small = address.path.stat().st_size <= READ_AT_ONCE_BYTES
        if journal == "wal" or (at_once and small):
            connection.execute("BEGIN")
            yield from _everything(connection, address, first=first)
            return
        before = _version(connection)
        yield from _everything(connection, address, first=first)
        if _version(connection) != before:
            yield None
            yield from _everything(connection, address, first=first)


def sqlite_relations(address: DatabaseAddress) -> set[str]:
    """Return the names of all tables and views; raises DatabaseUnavailable."""
    with connect_sqlite(address, timeout_seconds=LOCK_SECONDS) as connection:
        rows = connection.execute("SELECT name FROM sqlite_master WHERE type IN ('table', 'view')").fetchall()
    return {name for (name,) in rows}


def _check_file(address: DatabaseAddress) -> None:
    """Raise DatabaseUnavailable for an empty file: whoever opens a database that is away makes one."""
    with suppress(FileNotFoundError):
        if address.path is not None and address.path.stat().st_size == 0:
            raise DatabaseUnavailable(
                f"database {address.name} ({address.path}) is an empty file, so it names nothing",
                hint="Is the disk with the database mounted? If the shop does not use this database, remove"
                " it from DATABASES",
            )


def _version(connection: sqlite3.Connection) -> int:
    return int(connection.execute("PRAGMA data_version").fetchone()[0])


def _everything(
    connection: sqlite3.Connection, address: DatabaseAddress, *, first: Collection[str]
) -> Iterator[StoredTexts]:
    connection.text_factory = str
    names = [name for (name,) in connection.execute(_TABLES).fetchall()]
    tables = [_table(connection, name) for name in first_tables(names, first=first)]
    # Texts need not be UTF-8, and a blob may be one.
    connection.text_factory = bytes
    for table in tables:
        try:
            yield from _rows(connection, table)
        except sqlite3.Error as error:
            raise unreadable(address, table=table.name, error=error) from error


def _table(connection: sqlite3.Connection, name: str) -> _Table:
    described = connection.execute(f"PRAGMA table_xinfo({quoted(name)})").fetchall()
    columns = tuple(column[1] for column in described)
    taken = {column.lower() for column in columns}
    number = next((one for one in _ROW_NUMBERS if one not in taken), "")
    if number:
        try:
            connection.execute(f"SELECT {number} FROM {quoted(name)} LIMIT 0")
        except sqlite3.OperationalError:
            # WITHOUT ROWID
            number = ""
    return _Table(name=name, columns=columns, number=number)


def _rows(connection: sqlite3.Connection, table: _Table) -> Iterator[StoredTexts]:
    values = ", ".join(_VALUE.format(quoted(column)) for column in table.columns)
    source = quoted(table.name)
    large: set[str] = set()
    if table.number:
        query = (
            f"SELECT {values}, {table.number} FROM {source}"
            f" WHERE {table.number} > ? ORDER BY {table.number} LIMIT {PAGE_ROWS}"
        )
        last = -(2**63)
        while rows := connection.execute(query, (last,)).fetchall():
            last = rows[-1][-1]
            yield from _by_column(table, rows, large)
    else:
        cursor = connection.execute(f"SELECT {values} FROM {source}")
        while rows := cursor.fetchmany(PAGE_ROWS):
            yield from _by_column(table, rows, large)
    for column in sorted(large):
        name = quoted(column)
        query = f"SELECT {name} FROM {source} WHERE typeof({name}) IN ('text', 'blob') AND length({name}) > ?"
        for (value,) in connection.execute(query, (LARGE_VALUE,)):
            yield StoredTexts(table=table.name, column=column, values=(value,))


def _by_column(
    table: _Table, rows: list[tuple[bytes | int | None, ...]], large: set[str]
) -> Iterator[StoredTexts]:
    for place, column in enumerate(table.columns):
        stored = [value for row in rows if (value := row[place])]
        values = [value for value in stored if isinstance(value, bytes)]
        if len(values) < len(stored):
            large.add(column)
        if values:
            yield StoredTexts(table=table.name, column=column, values=values)


def quoted(identifier: str) -> str:
    """Return a name of a table or column as SQLite reads it."""
    return '"' + identifier.replace('"', '""') + '"'
