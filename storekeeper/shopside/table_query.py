"""The rows of one table, in the order of their keys, as the database holds them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import islice
from typing import Any, Callable

from django.db import models

from .columns import Failure
from .field_texts import TEXT_KINDS
from .stored import Undecodable

# Of these SQLite's driver would build objects by the column's declared type: slow, and an error for odd ones.
_BUILT_BY_THE_DRIVER = frozenset({"datetime", "date", "time", "decimal", "boolean"})


class TableQuery:
    """
    The SELECT of one table: ``fields`` as texts and plain values, then what ``also_stored`` are stored as.

    ``kinds`` has the kind of each field that is read as it lies in the table; the others come as the driver
    gives them. ``converts`` has what Django would make of each value, None for nothing.
    """

    def __init__(
        self,
        model: Any,
        *,
        connection: Any,
        fields: Sequence[Any],
        keys: Sequence[Any],
        kinds: dict[Any, str | None],
        also_stored: Sequence[Any],
    ) -> None:
        self._connection = connection
        self._sqlite = connection.vendor == "sqlite"
        alias = connection.alias
        # A query set of our own: a manager, also the base manager, may hide rows.
        rows = models.QuerySet(model, using=alias).order_by(
            *(_in_order(field, connection=connection) for field in keys)
        )
        compiler = rows.values_list(*(field.attname for field in fields)).query.get_compiler(alias)
        self._sql, self._parameters = compiler.as_sql()
        found = compiler.get_converters([expression for expression, _, _ in compiler.select])
        self.converts: dict[Any, Callable[[Any], Any] | None] = {
            field: _composed(*found[index], connection=connection) if index in found else None
            for index, field in enumerate(fields)
        }
        columns = [column for _, (column, _), _ in compiler.select]
        names = [
            column if name is None else f"{column} AS {connection.ops.quote_name(name)}"
            for column, (_, _, name) in zip(columns, compiler.select)
        ]
        start = f"SELECT {', '.join(names)} "
        if not self._sql.startswith(start):
            raise ValueError(f"{model._meta.label}: cannot read {self._sql}")
        self._rest = self._sql[len(start) :]
        places = dict(zip(fields, columns))
        self._columns = [self._plain(places[field], kinds.get(field)) for field in fields]
        self._also = [places[field] for field in also_stored]
        self._others = [not kinds.get(field) for field in fields]
        self._kinds = [kinds.get(field) for field in fields]

    def blocks(self, sizes: Callable[[], int]) -> Iterator[list[Sequence[Any]]]:
        """
        Yield rows, so many at a time as ``sizes`` says before each.

        A row that the driver cannot read is asked for again, and alone: what it cannot make an object of is
        a Failure or an Undecodable.
        """
        read = 0
        alone = 0
        while True:
            try:
                for rows in self._fetched(read, size=sizes if not alone else lambda: 1):
                    yield rows
                    read += len(rows)
                    alone -= len(rows)
                    if alone == 0:
                        break
                else:
                    return
                alone = 0
            except Exception as error:
                if not is_about_a_value(error):
                    raise
                if alone <= 0:
                    alone = max(sizes(), 1)
                    continue
                yield [self._row_by_itself(read)]
                read += 1
                alone -= 1
                alone = max(alone, 0)

    def _fetched(self, offset: int, *, size: Callable[[], int]) -> Iterator[list[Sequence[Any]]]:
        columns = [*self._columns, *(self._stored(column) for column in self._also)]
        with self._connection.chunked_cursor() as cursor:
            if not self._sqlite:
                _set_styles(self._connection)
            cursor.execute(f"SELECT {', '.join(columns)} {self._rest}{self._from(offset)}", self._parameters)
            while rows := cursor.fetchmany(size()):
                yield rows

    def _from(self, offset: int) -> str:
        if not offset:
            return ""
        return f" LIMIT -1 OFFSET {offset}" if self._sqlite else f" OFFSET {offset}"

    def _plain(self, column: str, kind: str | None) -> str:
        """Return a column as we read it: for SQLite's driver an expression has no declared type."""
        if self._sqlite:
            return f"+{column}" if kind in _BUILT_BY_THE_DRIVER else column
        return f"{column}::text" if kind in TEXT_KINDS else column

    def _stored(self, column: str) -> str:
        return f"+{column}" if self._sqlite else f"{column}::text"

    def _row_by_itself(self, offset: int) -> Sequence[Any]:
        """Return one row of which the driver can make no objects."""
        if self._sqlite:
            return self._sqlite_row(offset)
        columns = [f"c{place}::text" if other else f"c{place}" for place, other in enumerate(self._others)]
        columns += [f"c{len(columns) + place}" for place in range(len(self._also))]
        with self._connection.cursor() as cursor:
            cursor.execute(self._alone(columns, offset=offset), self._parameters)
            row = cursor.fetchone()
        return [
            Failure() if other else value
            for value, other in zip(row, [*self._others, *([False] * len(self._also))])
        ]

    def _alone(self, columns: Sequence[str], *, offset: int) -> str:
        """
        Return the SELECT of one row, its columns being ``c0``, ``c1``, ….

        Around the very SELECT that all rows come from: it orders by what stands in the place of the key.
        """
        inner = [*self._columns, *(self._stored(column) for column in self._also)]
        named = ", ".join(f"{column} AS c{place}" for place, column in enumerate(inner))
        return (
            f"SELECT {', '.join(columns)} FROM (SELECT {named} {self._rest} LIMIT 1 OFFSET {offset}) AS one"
        )

    def _sqlite_row(self, offset: int) -> Sequence[Any]:
        count = len(self._columns) + len(self._also)
        asked = [part for place in range(count) for part in (f"typeof(c{place})", f"+c{place}")]
        driver = self._connection.connection
        before, driver.text_factory = driver.text_factory, bytes
        try:
            with self._connection.cursor() as cursor:
                cursor.execute(self._alone(asked, offset=offset), self._parameters)
                row = cursor.fetchone()
        finally:
            driver.text_factory = before
        values = [
            _decoded(value, kind) for kind, value in zip(islice(row, 0, None, 2), islice(row, 1, None, 2))
        ]
        return [
            Failure() if other and value is not None else value
            for value, other in zip(values, [*self._others, *([False] * len(self._also))])
        ]


def _decoded(value: Any, kind: Any) -> Any:
    if bytes(kind) != b"text":
        return value
    try:
        return value.decode("utf-8")
    except UnicodeDecodeError:
        return Undecodable(value)


def is_about_a_value(error: Exception) -> bool:
    """Return whether the driver could make no object of a value, rather than ask the database at all."""
    from django.db import DataError, OperationalError

    if isinstance(error, OperationalError):
        return "decode to UTF-8" in str(error)
    return isinstance(error, (DataError, ValueError, OverflowError, TypeError, ArithmeticError))


def _in_order(field: Any, *, connection: Any) -> Any:
    """Order by a key; text by its bytes, so that two databases with different collations agree."""
    column = models.F(field.attname)
    kind = (field.db_type(connection) or "") if connection.vendor == "postgresql" else ""
    if kind.startswith(("varchar", "char", "text", "citext")):
        try:
            from django.db.models.functions import Collate
        except ImportError:
            return column.asc()
        return Collate(column, "C").asc()
    return column.asc()


def _composed(converters: Any, expression: Any, *, connection: Any) -> Callable[[Any], Any]:
    def convert(value: Any) -> Any:
        for converter in converters:
            value = converter(value, expression, connection)
        return value

    return convert


def _set_styles(connection: Any) -> None:
    """Ask for PostgreSQL's text, within the transaction in the ISO style whatever the server's is."""
    with connection.cursor() as settings:
        settings.execute("SET LOCAL DateStyle TO ISO")
        settings.execute("SET LOCAL IntervalStyle TO postgres")
