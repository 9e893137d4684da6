"""Raw sums of an SQLite database: its values as they are stored, with their storage classes."""

import json
import sqlite3
from base64 import b64encode
from collections.abc import Iterator
from typing import Any, Final
from zlib import compress

from actions.backups.raw.hashes import TableTally
from actions.backups.raw.kinds import counted

_ROWS: Final = 2000
# A virtual table is known by its rowid. What its module keeps its rows in are tables of their own here.
_TABLES: Final = """
    SELECT name FROM sqlite_master
    WHERE type = 'table' AND name NOT LIKE 'sqlite\\_%' ESCAPE '\\'
    ORDER BY name
"""
_IS_VIRTUAL: Final = """
    SELECT 1 FROM sqlite_master
    WHERE type = 'table' AND name = ? AND upper(substr(ltrim(sql), 1, 14)) = 'CREATE VIRTUAL'
"""
_OTHERS: Final = """
    SELECT type, name FROM sqlite_master WHERE type IN ('view', 'trigger') ORDER BY type DESC, name
"""
_DDL: Final = "SELECT type, name, sql FROM sqlite_master WHERE sql IS NOT NULL ORDER BY rowid"


def sqlite_sums(connection: sqlite3.Connection) -> dict[str, Any]:
    """
    Return the raw sums of a database, as RawSums has them, within the caller's transaction.

    A table that cannot be read is named with the reason; raises sqlite3.Error where the schema cannot be.
    """
    tables: dict[str, Any] = {}
    unread: dict[str, str] = {}
    for (name,) in connection.execute(_TABLES).fetchall():
        try:
            tables[name] = _table_sums(connection, name)
        except sqlite3.Error as error:
            unread[name] = str(error)
    return {
        "method": "sqlite-crc32-1",
        "tables": tables,
        "unread": unread,
        "sequences": _sequences(connection),
        "others": counted(connection.execute(_OTHERS).fetchall()),
        # As packed_json writes it.
        "ddl": b64encode(compress(json.dumps(connection.execute(_DDL).fetchall()).encode())).decode("ascii"),
    }


def keys_of(
    connection: sqlite3.Connection, table: str, *, numbers: frozenset[int]
) -> Iterator[tuple[int, str]]:
    """Yield the numbers that rows of the table have, each with the row's key as a person writes it."""
    columns, key = _columns(connection, table)
    if not key:
        return
    tally = TableTally(columns, key=key)
    connection.text_factory = _any_text
    try:
        for rows in _blocks(connection, table, columns=columns):
            found = tally.numbers(rows, columns=list(zip(*rows, strict=True)), whole=())
            for number, row in zip(found, rows, strict=True):
                if number in numbers:
                    yield number, ", ".join(_named(row[place]) for place in key)
    finally:
        connection.text_factory = str


def _table_sums(connection: sqlite3.Connection, table: str) -> dict[str, Any]:
    columns, key = _columns(connection, table)
    tally = TableTally(columns, key=key)
    try:
        for rows in _blocks(connection, table, columns=columns):
            tally.add(rows)
    except (sqlite3.OperationalError, UnicodeDecodeError) as error:
        if "decode" not in str(error):
            raise
        # Bytes that are no UTF-8 lie in a text: each text is then read byte by byte, which takes longer.
        tally = TableTally(columns, key=key)
        connection.text_factory = _any_text
        try:
            for rows in _blocks(connection, table, columns=columns):
                tally.add(rows)
        finally:
            connection.text_factory = str
    return tally.sums()


def _named(value: Any) -> str:
    """Return a part of a key as a person writes it, one that is no text by its bytes."""
    if isinstance(value, bytes):
        return f"x'{value.hex()}'"
    data = str(value).encode("utf-8", "surrogateescape")
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError:
        return f"x'{data.hex()}'"


def _any_text(data: bytes) -> str:
    return data.decode("utf-8", "surrogateescape")


def _columns(connection: sqlite3.Connection, table: str) -> tuple[list[str], list[int]]:
    """Return the columns that hold values of their own, and the places of the primary key's among them."""
    found = connection.execute(f"PRAGMA table_xinfo({quoted(table)})").fetchall()
    plain = [(name, key) for _, name, _, _, _, key, hidden in found if not hidden]
    if connection.execute(_IS_VIRTUAL, [table]).fetchone():
        return ["rowid", *(name for name, _ in plain)], [0]
    places = sorted((key, place) for place, (_, key) in enumerate(plain) if key)
    return [name for name, _ in plain], [place for _, place in places]


def _blocks(
    connection: sqlite3.Connection, table: str, *, columns: list[str]
) -> Iterator[list[tuple[Any, ...]]]:
    names = ", ".join(map(quoted, columns))
    cursor = connection.execute(f"SELECT {names} FROM {quoted(table)}")
    while rows := cursor.fetchmany(_ROWS):
        yield rows


def _sequences(connection: sqlite3.Connection) -> dict[str, Any]:
    """Return the highest key that each table with AUTOINCREMENT has ever given."""
    if not connection.execute("SELECT 1 FROM sqlite_master WHERE name = 'sqlite_sequence'").fetchone():
        return {}
    rows = connection.execute(
        "SELECT name, seq FROM sqlite_sequence WHERE typeof(seq) = 'integer'"
    ).fetchall()
    sequences = {}
    for name, value in rows:
        try:
            (highest,) = connection.execute(f"SELECT max(rowid) FROM {quoted(name)}").fetchone()
        except sqlite3.Error:
            # The table is gone; its number stayed.
            continue
        sequences[name] = {"value": value, "owner": name, "highest": highest}
    return sequences


def quoted(name: str) -> str:
    """Return a name as SQL writes it."""
    doubled = name.replace('"', '""')
    return f'"{doubled}"'
