"""The file names in a column of the shop's, streamed from the database that holds them."""

import datetime as dt
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final
from zoneinfo import ZoneInfo

from psycopg import sql

from storekeeper.databases import DatabaseAddress, Engine, connect_postgresql, connect_sqlite
from storekeeper.shop import ShopDescription

PAGE_ROWS: Final = 5000
# Beside the scrapes a statement may take longer; a server that is away is noticed as soon as ever.
PATIENT_SECONDS: Final = 60.0


@dataclass(frozen=True, kw_only=True)
class FileColumn:
    """The column of a file field; ``expires`` is the column that tells when its rows expire, if any."""

    table: str
    column: str
    expires: str | None = None


def read_file_column(
    address: DatabaseAddress, *, column: FileColumn, now: str | dt.datetime | None = None
) -> Iterator[tuple[str, bool]]:
    """
    Give (stored text, expired) of every row that names a file; ``now`` as ``moment_for`` gives it.

    Every row of the table, whatever the shop's managers hide. Raises DatabaseUnavailable.
    """
    for stored, expired in _read_values(address, column=column, now=now):
        yield str(stored), expired


def moment_for(engine: Engine, *, now: float, description: ShopDescription) -> str | dt.datetime:
    """Give the present moment in the form in which the shop's date-times are stored."""
    moment = dt.datetime.fromtimestamp(now, tz=dt.UTC)
    if not description.use_tz:
        moment = moment.astimezone(ZoneInfo(description.time_zone)).replace(tzinfo=None)
    if engine is Engine.SQLITE:
        # Django stores the text of a moment without zone; it sorts as the moments do.
        return str(moment.replace(tzinfo=None))
    return moment


def next_expiry(address: DatabaseAddress, *, column: FileColumn, now: Any) -> Any:
    """Give when the next row will expire, in the form of ``now``; None where no row will."""
    if column.expires is None:
        return None
    if address.engine is Engine.SQLITE:
        expires, table = quoted(column.expires), quoted(column.table)
        with connect_sqlite(address) as connection:
            query = f"SELECT min({expires}) FROM {table} WHERE {expires} > ?"
            return connection.execute(query, (now,)).fetchone()[0]
    statement = sql.SQL("SELECT min({expires}) FROM {table} WHERE {expires} > %s").format(
        expires=sql.Identifier(column.expires), table=sql.Identifier(column.table)
    )
    with connect_postgresql(address, statement_seconds=PATIENT_SECONDS) as postgresql:
        found = postgresql.execute(statement, (now,)).fetchone()
        assert found is not None, "an aggregate gives one row"
        return found[0]


def _read_values(address: DatabaseAddress, *, column: FileColumn, now: Any) -> Iterator[tuple[Any, bool]]:
    if address.engine is Engine.SQLITE:
        yield from _read_sqlite(address, column=column, now=now)
    else:
        yield from _read_postgresql(address, column=column, now=now)


def _read_sqlite(address: DatabaseAddress, *, column: FileColumn, now: Any) -> Iterator[tuple[Any, bool]]:
    table, name = quoted(column.table), quoted(column.column)
    expired = f"{quoted(column.expires)} <= ?" if column.expires else "0"
    parameters = (now,) if column.expires else ()
    query = (
        f"SELECT rowid, {name}, {expired} FROM {table}"
        f" WHERE rowid > ? AND {name} IS NOT NULL AND {name} <> '' ORDER BY rowid LIMIT {PAGE_ROWS}"
    )
    with connect_sqlite(address) as connection:
        last = -(2**63)
        # In pages: while a statement is being read, the shop cannot commit.
        while rows := connection.execute(query, (*parameters, last)).fetchall():
            last = rows[-1][0]
            for _, stored, is_expired in rows:
                yield stored, bool(is_expired)


def _read_postgresql(address: DatabaseAddress, *, column: FileColumn, now: Any) -> Iterator[tuple[Any, bool]]:
    expired = (
        sql.SQL("{} <= %(now)s").format(sql.Identifier(column.expires))
        if column.expires
        else sql.SQL("false")
    )
    query = sql.SQL("SELECT {name}, {expired} FROM {table} WHERE {name}::text <> ''").format(
        name=sql.Identifier(column.column), expired=expired, table=sql.Identifier(column.table)
    )
    with (
        connect_postgresql(address, statement_seconds=PATIENT_SECONDS) as connection,
        connection.transaction(),
        connection.cursor(name="storekeeper_files") as cursor,
    ):
        cursor.itersize = PAGE_ROWS
        for stored, is_expired in cursor.execute(query, {"now": now} if column.expires else None):
            yield stored, bool(is_expired)


def quoted(identifier: str) -> str:
    """Quote a name of a table or column for SQLite."""
    return '"' + identifier.replace('"', '""') + '"'
