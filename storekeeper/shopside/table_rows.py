"""The rows of one model as columns of JSON text, in the order of their keys."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import chain
from typing import TYPE_CHECKING, Any, Callable

from django.core.serializers.python import Serializer
from django.db import models

from .field_texts import reads_utc, texts_of
from .json_text import json_text, quoted
from .kinds import kind_of
from .links import Links
from .names import Names
from .written import Lines, Written, packed

if TYPE_CHECKING:
    from .bulk_texts import Bulk

# The columns of a block have about this size, and are of one row where rows are larger.
_BLOCK_BYTES = 50_000
SEPARATOR = ",\n"
_FIRST_ROWS = 50
_MOST_ROWS = 1000

# PostgreSQL's types that hold values of a kind.
_TYPES = {
    "integer": ("int2", "int4", "int8"),
    "decimal": ("numeric",),
    "date": ("date",),
    "time": ("time",),
    "datetime": ("timestamptz",),
    "uuid": ("uuid",),
}
# What psycopg is asked to leave as PostgreSQL's text: building Python objects of it is slow.
LEFT_AS_TEXT = frozenset(_TYPES)
_BUILT_BY_THE_DRIVER = ("datetime", "date", "time", "decimal", "boolean")


class Table:
    """
    One model's table: its rows as columns for lines, ``{"model": …, "pk": …, "fields": {…}}``.

    Every row, whatever managers hide. Must be read inside a snapshot.
    """

    def __init__(self, model: Any, *, connection: Any, names: Names) -> None:
        self._model = model
        self.label = model._meta.label
        self.read = 0
        """How many rows were read so far."""
        self._count: int | None = None
        self._connection = connection
        meta = model._meta
        self.by_name = names.knows(model)
        self._written = [
            field for field in meta.local_fields if field.serialize and not getattr(field, "generated", False)
        ]
        self._links = [
            Links(field, connection=connection, names=names)
            for field in meta.local_many_to_many
            if field.serialize and field.remote_field.through._meta.auto_created
        ]
        # Django 5.2 has keys of several columns.
        keys = list(getattr(meta.pk, "fields", (meta.pk,)))
        self._keys = keys
        self._fields = list(dict.fromkeys([*keys, *self._written]))
        self._named = {field: names.of_field(field) for field in self._written}
        self._kinds = {field: kind_of(field) for field in self._fields}
        self._instances = any(self._by_django(field) for field in self._fields)
        if self._instances:
            self._fields = [field for field in meta.local_concrete_fields if field.column is not None]

    def count(self) -> int:
        """Give the number of rows as the database counts them: once, since the snapshot stays the same."""
        if self._count is None:
            self._count = int(models.QuerySet(self._model, using=self._connection.alias).count())
        return self._count

    def fixed(self) -> list[str]:
        """Give what stands before, between and after the columns of each line."""
        return ["", SEPARATOR] if self.by_name else self._fixed()

    def blocks(self) -> Iterator[bytes]:
        """Give the packed columns of some rows at a time, in the order of their keys."""
        if not self.by_name:
            yield from self._batches()
            return
        # Without a key in the line the key's order means nothing: these few rows are sorted by their text.
        whole = Lines(self._fixed())
        text = b"".join(map(whole.block, self._batches())).decode("utf-8")
        if text:
            yield packed([Written.of(sorted(text[: -len(SEPARATOR)].split(SEPARATOR)))])

    def link_counts(self) -> dict[str, int]:
        """Give for each many-to-many field how many links were written."""
        return {link.name: link.count for link in self._links}

    def check(self) -> None:
        """Raise ValueError unless the rows read, and the links written, are all that the snapshot holds."""
        pairs = [(self.label, self.read, self.count())]
        pairs += [(f"{self.label}.{link.name}", link.count, link.stored()) for link in self._links]
        for name, written, stored in pairs:
            if written != stored:
                raise ValueError(f"{name}: {written} rows were read, but the database counts {stored}")

    def _batches(self) -> Iterator[bytes]:
        sql, parameters, converts = self._query()
        left_as_text = self._left_as_text(converts)
        columns = self._columns(converts, left_as_text=left_as_text)
        size = _FIRST_ROWS
        with self._connection.chunked_cursor() as cursor:
            if left_as_text:
                _leave_as_text(cursor, kinds=left_as_text, connection=self._connection)
            cursor.execute(sql, parameters)
            while rows := cursor.fetchmany(size):
                self.read += len(rows)
                # Columns by steps through one flat list: twice as fast as zip.
                flat = list(chain.from_iterable(rows))
                values: list[Sequence[Any]] = [
                    flat[place :: len(self._fields)] for place in range(len(self._fields))
                ]
                if self._instances:
                    values.append(self._make_instances(values, converts=converts))
                block = packed([texts(values[place]) for place, texts in columns])
                yield block
                size = max(1, min(_MOST_ROWS, 4 * size, _BLOCK_BYTES * len(rows) // len(block)))

    def _columns(
        self, converts: dict[Any, Any], *, left_as_text: frozenset[str]
    ) -> list[tuple[int, Callable[[Sequence[Any]], Written]]]:
        """
        Give what makes the columns of a line (keys, fields, links), each with its place in the row.

        Behind the last column of the row stand the instances of the model, where there are any.
        """
        places = {field: place for place, field in enumerate(self._fields)}
        key = self._keys[0]
        columns = []
        for field in [*([] if self.by_name else self._keys), *self._written]:
            texts = self._texts(field, convert=converts[field], left_as_text=left_as_text)
            columns.append((-1 if self._by_django(field) else places[field], texts))
        to_python = converts[key] or key.to_python
        columns += [(places[key], _linked(link, to_python=to_python)) for link in self._links]
        return columns

    def _query(self) -> tuple[str, Any, dict[Any, Callable[[Any], Any] | None]]:
        """Give the SELECT of our columns and, for each, how Django would turn its values to Python."""
        alias = self._connection.alias
        # A query set of our own: a manager, also the base manager, may hide rows.
        rows = models.QuerySet(self._model, using=alias).order_by(
            *(_in_order(field, connection=self._connection) for field in self._keys)
        )
        compiler = rows.values_list(*(field.attname for field in self._fields)).query.get_compiler(alias)
        sql, parameters = compiler.as_sql()
        found = compiler.get_converters([expression for expression, _, _ in compiler.select])
        converts = {
            field: _composed(*found[index], connection=self._connection) if index in found else None
            for index, field in enumerate(self._fields)
        }
        columns = [
            column if name is None else f"{column} AS {self._connection.ops.quote_name(name)}"
            for _, (column, _), name in compiler.select
        ]
        return self._as_stored(sql, columns=columns), parameters, converts

    def _as_stored(self, sql: str, *, columns: list[str]) -> str:
        """
        Ask SQLite for times and truth values as they lie in the table.

        Django has its driver build an object of each by the column's declared type, which is slow; an
        expression has no declared type.
        """
        start = f"SELECT {', '.join(columns)} "
        if self._connection.vendor != "sqlite" or self._instances or not sql.startswith(start):
            return sql
        plain = [
            f"+{column}" if self._kinds[field] in _BUILT_BY_THE_DRIVER else column
            for field, column in zip(self._fields, columns)
        ]
        return f"SELECT {', '.join(plain)} {sql[len(start) :]}"

    def _by_django(self, field: Any) -> bool:
        """Tell whether Django itself must write the field, from an instance of the model."""
        return self._kinds.get(field) is None and self._named.get(field) is None

    def _left_as_text(self, converts: dict[Any, Any]) -> frozenset[str]:
        """Give the kinds that psycopg may leave as PostgreSQL's text: none where somebody wants objects."""
        if self._connection.vendor != "postgresql" or self._instances or not _is_psycopg3():
            return frozenset()
        if any(convert is not None and self._kinds[field] != "json" for field, convert in converts.items()):
            return frozenset()
        return LEFT_AS_TEXT if reads_utc(self._connection) else LEFT_AS_TEXT - {"datetime"}

    def _texts(self, field: Any, *, convert: Any, left_as_text: frozenset[str]) -> Bulk:
        names = self._named.get(field)
        kind = self._kinds.get(field)
        if names is not None:
            to_python = field.target_field.to_python
            return lambda values: Written.of([names(to_python(value)) for value in values])
        if kind is not None:
            left = kind in left_as_text
            return texts_of(
                kind, field=field, convert=convert, connection=self._connection, left_as_text=left
            )
        value_of = Serializer()._value_from_field
        return lambda instances: Written.of([json_text(value_of(instance, field)) for instance in instances])

    def _make_instances(self, values: list[Sequence[Any]], *, converts: dict[Any, Any]) -> list[Any]:
        columns = [
            column if converts[field] is None else [converts[field](value) for value in column]
            for field, column in zip(self._fields, values)
        ]
        attributes = [field.attname for field in self._fields]
        return [self._model.from_db(self._connection.alias, attributes, row) for row in zip(*columns)]

    def _fixed(self) -> list[str]:
        # A letter that no name has: quoted() would have escaped it.
        column = "\0"
        start = f'{{"model": {quoted(str(self._model._meta))}, '
        if not self.by_name:
            keys = ", ".join([column] * len(self._keys))
            start += f'"pk": [{keys}], ' if len(self._keys) > 1 else f'"pk": {keys}, '
        names = [field.name for field in self._written] + [link.name for link in self._links]
        fields = ", ".join(f"{quoted(name)}: {column}" for name in names)
        return f'{start}"fields": {{{fields}}}}}{SEPARATOR}'.split(column)


def _linked(link: Links, *, to_python: Callable[[Any], Any]) -> Callable[[Sequence[Any]], Written]:
    return lambda keys: Written.of(link.texts([to_python(key) for key in keys]))


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


def _is_psycopg3() -> bool:
    try:
        from django.db.backends.postgresql.psycopg_any import is_psycopg3
    except ImportError:
        # Django before 4.2 knows psycopg 2 alone.
        return False
    return bool(is_psycopg3)


def _leave_as_text(cursor: Any, *, kinds: frozenset[str], connection: Any) -> None:
    """Ask for PostgreSQL's text, within the transaction in the ISO style whatever the server's is."""
    from psycopg.types.string import TextLoader

    with connection.cursor() as settings:
        settings.execute("SET LOCAL DateStyle TO ISO")
    for kind, names in _TYPES.items():
        if kind in kinds:
            for name in names:
                cursor.cursor.adapters.register_loader(name, TextLoader)
