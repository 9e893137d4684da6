"""The values of one column of the shop's, read from the database that holds it."""

import sqlite3
from collections.abc import Iterator
from typing import Final

from storekeeper.databases import Engine, connect_sqlite
from storekeeper.databases.postgresql import connect_postgresql
from storekeeper.measure.postgresql_texts import CONNECT_SECONDS, GUARDS, postgresql_relations
from storekeeper.measure.shop_databases import ShopDatabase
from storekeeper.measure.spellings import text_of
from storekeeper.measure.sqlite_texts import LOCK_SECONDS, quoted, sqlite_relations
from storekeeper.measure.stored_texts import bare

PAGE_ROWS: Final = 5000


def tables_of(database: ShopDatabase) -> set[str]:
    """Return the names of all tables and views of a database; raises DatabaseUnavailable."""
    if database.address.engine is Engine.SQLITE:
        return sqlite_relations(database.address)
    return postgresql_relations(database.address)


def column_values(database: ShopDatabase, *, table: str, column: str) -> Iterator[str]:
    """Yield every text that the column holds, of every row; raises DatabaseUnavailable."""
    if database.address.engine is Engine.SQLITE:
        yield from _sqlite_values(database, table=bare(table), column=column)
    else:
        yield from _postgresql_values(database, table=table, column=column)


def _sqlite_values(database: ShopDatabase, *, table: str, column: str) -> Iterator[str]:
    name, source = quoted(column), quoted(table)
    wanted = f"typeof({name}) IN ('text', 'blob') AND {name} <> ''"
    with connect_sqlite(database.address, timeout_seconds=LOCK_SECONDS) as connection:
        connection.text_factory = bytes
        last = -(2**63)
        try:
            connection.execute(f"SELECT rowid FROM {source} LIMIT 0")
        except sqlite3.OperationalError:
            # A view, or a table without row numbers.
            for (value,) in connection.execute(f"SELECT {name} FROM {source} WHERE {wanted}").fetchall():
                yield text_of(value)
            return
        # In pages: while a statement is being read, the shop cannot commit.
        query = (
            f"SELECT rowid, {name} FROM {source} WHERE rowid > ? AND {wanted}"
            f" ORDER BY rowid LIMIT {PAGE_ROWS}"
        )
        while rows := connection.execute(query, (last,)).fetchall():
            last = rows[-1][0]
            for _, value in rows:
                yield text_of(value)


def _postgresql_values(database: ShopDatabase, *, table: str, column: str) -> Iterator[str]:
    from psycopg import sql

    # A db_table may carry its schema and quotation marks.
    names = [part.strip('"') for part in table.split('"."' if '"."' in table else ".")]
    query = sql.SQL("SELECT {0}::text FROM {1} WHERE {0} IS NOT NULL").format(
        sql.Identifier(column), sql.Identifier(*names)
    )
    with (
        connect_postgresql(database.address, timeout_seconds=CONNECT_SECONDS) as connection,
        connection.transaction(),
    ):
        if database.role:
            connection.execute(sql.SQL("SET LOCAL ROLE {}").format(sql.Identifier(database.role)))
        for guard in GUARDS:
            connection.execute(guard.encode())
        with connection.cursor(name="storekeeper_live_names") as cursor:
            cursor.itersize = PAGE_ROWS
            for (value,) in cursor.execute(query):
                if value:
                    yield value
