"""
Every text in a PostgreSQL database: all schemas that the shop's user may enter, in one snapshot.

Only columns whose type is known to hold no text are left out: numbers, dates, truth values, addresses. All
others are read as PostgreSQL writes them: arrays, hstore, JSON, XML, enumerations, composites, and whatever
an extension brings; bytea as the bytes that it holds. Rows come as a stream.
"""

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from storekeeper.databases import DatabaseAddress
from storekeeper.databases.postgresql import connect_postgresql, unavailable
from storekeeper.measure.stored_texts import StoredTexts, first_tables, unreadable

if TYPE_CHECKING:
    import psycopg

CONNECT_SECONDS: Final = 10.0
# A table that is being altered holds us up no longer; a stream of many gigabytes takes its time.
GUARDS: Final = (
    "SET LOCAL lock_timeout = '10s'",
    "SET LOCAL statement_timeout = '1h'",
    # A policy that would hide rows is an error instead.
    "SET LOCAL row_security = off",
)
MOST_ROWS: Final = 2000
MOST_BYTES: Final = 1 << 20
# A partition is read through its parent. What an extension owns and keeps to itself holds no names of files.
_TABLES: Final = """
    SELECT namespace.nspname, class.relname, class.relkind::text,
           has_table_privilege(class.oid, 'SELECT'), pg_table_is_visible(class.oid)
      FROM pg_class AS class JOIN pg_namespace AS namespace ON namespace.oid = class.relnamespace
     WHERE class.relkind IN ('r', 'p', 'f', 'm')
       AND NOT class.relispartition AND class.relpersistence <> 't' AND class.relispopulated
       AND namespace.nspname <> 'information_schema' AND namespace.nspname NOT LIKE 'pg\\_%'
       AND has_schema_privilege(namespace.oid, 'USAGE')
       AND (has_table_privilege(class.oid, 'SELECT') OR NOT EXISTS (
            SELECT 1 FROM pg_depend
             WHERE classid = 'pg_class'::regclass AND objid = class.oid AND deptype = 'e'))
"""
_COLUMNS: Final = """
    SELECT namespace.nspname, class.relname, attribute.attname,
           coalesce(nullif(type.typbasetype, 0), type.oid) = 'bytea'::regtype
      FROM pg_attribute AS attribute
      JOIN pg_class AS class ON class.oid = attribute.attrelid
      JOIN pg_namespace AS namespace ON namespace.oid = class.relnamespace
      JOIN pg_type AS type ON type.oid = attribute.atttypid
     WHERE attribute.attnum > 0 AND NOT attribute.attisdropped
       AND class.relkind IN ('r', 'p', 'f', 'm')
       AND NOT (type.typcategory IN ('B', 'N', 'D', 'T', 'I', 'G')
                AND (type.typtype = 'd' OR type.typnamespace = 'pg_catalog'::regnamespace))
     ORDER BY attribute.attnum
"""
_RELATIONS: Final = "SELECT relname FROM pg_class WHERE relkind IN ('r', 'p', 'f', 'm', 'v')"


@dataclass(frozen=True, kw_only=True)
class _Column:
    name: str
    is_bytes: bool


@dataclass(frozen=True, kw_only=True)
class _Table:
    schema: str
    name: str
    kind: str
    readable: bool
    visible: bool
    """Whether the name without its schema means this table, as the shop's models write it."""

    @property
    def label(self) -> str:
        return self.name if self.visible else f"{self.schema}.{self.name}"


def postgresql_texts(
    address: DatabaseAddress, *, first: Collection[str], role: str = ""
) -> Iterator[StoredTexts | None]:
    """
    Yield the texts of every table, those of ``first`` before others, as ``role`` where the shop assumes one.

    Raises DatabaseUnavailable.
    """
    import psycopg

    with connect_postgresql(address, timeout_seconds=CONNECT_SECONDS) as connection:
        connection.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ
        with connection.transaction():
            _prepare(connection, role)
            tables = {table.label: table for table in _tables(connection)}
            columns: dict[tuple[str, str], list[_Column]] = {}
            for schema, name, column, is_bytes in connection.execute(_COLUMNS).fetchall():
                columns.setdefault((schema, name), []).append(_Column(name=column, is_bytes=is_bytes))
            for label in first_tables(tables, first=first):
                table = tables[label]
                if not table.readable:
                    raise unreadable(address, table=label, error="permission denied")
                if held := columns.get((table.schema, table.name)):
                    yield from _read(connection, address, table=table, columns=held)


def postgresql_relations(address: DatabaseAddress) -> set[str]:
    """Return the names of all tables and views; raises DatabaseUnavailable."""
    with connect_postgresql(address, timeout_seconds=CONNECT_SECONDS) as connection:
        return {name for (name,) in connection.execute(_RELATIONS).fetchall()}


def _prepare(connection: "psycopg.Connection[tuple[Any, ...]]", role: str) -> None:
    from psycopg import sql

    if role:
        connection.execute(sql.SQL("SET LOCAL ROLE {}").format(sql.Identifier(role)))
    for guard in GUARDS:
        connection.execute(guard.encode())


def _tables(connection: "psycopg.Connection[tuple[Any, ...]]") -> Iterator[_Table]:
    for schema, name, kind, readable, visible in connection.execute(_TABLES).fetchall():
        yield _Table(schema=schema, name=name, kind=kind, readable=readable, visible=visible)


def _read(
    connection: "psycopg.Connection[tuple[Any, ...]]",
    address: DatabaseAddress,
    *,
    table: _Table,
    columns: list[_Column],
) -> Iterator[StoredTexts]:
    import psycopg
    from psycopg import sql

    values = sql.SQL(", ").join(
        sql.SQL("{}" if column.is_bytes else "{}::text").format(sql.Identifier(column.name))
        for column in columns
    )
    # What inherits from a table is read as the table that it is; partitions are not.
    query = sql.SQL("COPY (SELECT {} FROM {} {}) TO STDOUT (FORMAT BINARY)").format(
        values,
        sql.SQL("ONLY" if table.kind == "r" else ""),
        sql.Identifier(table.schema, table.name),
    )
    try:
        with connection.cursor() as cursor, cursor.copy(query) as copy:
            rows: list[tuple[Any, ...]] = []
            size = 0
            for row in copy.rows():
                rows.append(row)
                size += sum(len(value) for value in row if value is not None)
                if len(rows) >= MOST_ROWS or size >= MOST_BYTES:
                    yield from _by_column(table, columns, rows)
                    rows, size = [], 0
            yield from _by_column(table, columns, rows)
    except psycopg.Error as error:
        raise unreadable(address, table=table.label, error=unavailable(address, error).message) from None


def _by_column(table: _Table, columns: list[_Column], rows: list[tuple[Any, ...]]) -> Iterator[StoredTexts]:
    for place, column in enumerate(columns):
        values = [value for row in rows if (value := row[place])]
        if values:
            yield StoredTexts(table=table.label, column=column.name, values=values)
