"""The rows of one model as lines of JSON, in the order of their keys."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from typing import Any, Callable

from django.core.serializers.python import Serializer
from django.db import models

from .field_texts import kind_of, reads_utc, texts_of
from .json_text import json_text, quoted
from .links import Links
from .names import Names

BATCH_ROWS = 1000

# What the driver is asked to leave as text, where every column of the table is read from text.
_LEFT_AS_TEXT = ("uuid", "timestamptz")
_BUILT_BY_THE_DRIVER = ("datetime", "memo", "boolean")


class Table:
    """
    One model's table: its rows as lines, ``{"model": …, "pk": …, "fields": {…}}``.

    Every row, whatever managers hide. Must be read inside a snapshot.
    """

    def __init__(self, model: Any, *, connection: Any, names: Names) -> None:
        self._model = model
        self.label = model._meta.label
        self.read = 0
        """How many rows were read so far."""
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
        self._instances = any(
            self._kinds[field] is None and self._named.get(field) is None for field in self._fields
        )
        if self._instances:
            self._fields = [field for field in meta.local_concrete_fields if field.column is not None]

    def count(self) -> int:
        """Give the number of rows as the database counts them."""
        return int(models.QuerySet(self._model, using=self._connection.alias).count())

    def lines(self) -> Iterator[list[str]]:
        """Give batches of lines, in the order of their keys."""
        if not self.by_name:
            yield from self._batches()
            return
        # Without a key in the line the key's order means nothing: these few rows are sorted by their text.
        lines = sorted(itertools.chain.from_iterable(self._batches()))
        if lines:
            yield lines

    def link_counts(self) -> dict[str, int]:
        """Give for each many-to-many field how many links were written."""
        return {link.name: link.count for link in self._links}

    def check(self, rows: int) -> None:
        """Raise ValueError unless ``rows`` rows, and the links written, are all that the snapshot holds."""
        pairs = [(self.label, rows, self.count())]
        pairs += [(f"{self.label}.{link.name}", link.count, link.stored()) for link in self._links]
        for name, written, stored in pairs:
            if written != stored:
                raise ValueError(f"{name}: {written} rows were read, but the database counts {stored}")

    def _batches(self) -> Iterator[list[str]]:
        sql, parameters, converts = self._query()
        texts = [self._texts(field, convert=converts[field]) for field in self._fields]
        places = {field: index for index, field in enumerate(self._fields)}
        key_places = [places[field] for field in self._keys]
        template = self._template()
        with self._connection.chunked_cursor() as cursor:
            if not self._instances:
                _leave_as_text(cursor, connection=self._connection)
            cursor.execute(sql, parameters)
            while rows := cursor.fetchmany(BATCH_ROWS):
                self.read += len(rows)
                columns = list(zip(*rows))
                instances = self._make_instances(columns, converts=converts) if self._instances else None
                written = [
                    text(instances if text.wants_instances else columns[index])
                    for index, text in enumerate(texts)
                ]
                parts: list[Any] = []
                if not self.by_name:
                    parts += [written[place] for place in key_places]
                parts += [written[places[field]] for field in self._written]
                if self._links:
                    convert = converts[self._keys[0]]
                    keys = columns[key_places[0]]
                    found = keys if convert is None else [convert(key) for key in keys]
                    parts += [link.texts(found) for link in self._links]
                yield [template % row for row in zip(*parts)]

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

    def _texts(self, field: Any, *, convert: Any) -> Any:
        names = self._named.get(field)
        kind = self._kinds.get(field)
        if names is not None:
            return _Column(lambda values: [names(value) for value in values])
        if kind is not None:
            return _Column(texts_of(kind, field=field, convert=convert, connection=self._connection))
        serialiser = Serializer()
        value_of = serialiser._value_from_field
        return _Column(
            lambda instances: [json_text(value_of(instance, field)) for instance in instances],
            wants_instances=True,
        )

    def _make_instances(self, columns: Sequence[Sequence[Any]], *, converts: dict[Any, Any]) -> list[Any]:
        values = [
            column if converts[field] is None else [converts[field](value) for value in column]
            for field, column in zip(self._fields, columns)
        ]
        attributes = [field.attname for field in self._fields]
        return [self._model.from_db(self._connection.alias, attributes, row) for row in zip(*values)]

    def _template(self) -> str:
        meta = self._model._meta
        start = f'{{"model": {quoted(str(meta))}, '.replace("%", "%%")
        if not self.by_name:
            keys = ", ".join(["%s"] * len(self._keys))
            start += f'"pk": [{keys}], ' if len(self._keys) > 1 else f'"pk": {keys}, '
        names = [field.name for field in self._written] + [link.name for link in self._links]
        return start + '"fields": {' + ", ".join(f"{quoted(name)}: %s" for name in names) + "}}"


class _Column:
    """A column's function; some want whole model instances."""

    def __init__(self, texts: Callable[[Any], Any], *, wants_instances: bool = False) -> None:
        self._texts = texts
        self.wants_instances = wants_instances

    def __call__(self, values: Any) -> Any:
        return self._texts(values)


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


def _leave_as_text(cursor: Any, *, connection: Any) -> None:
    """Ask psycopg 3 for the text of UUIDs and of times: building Python objects of them is slow."""
    if connection.vendor != "postgresql":
        return
    driver_cursor = getattr(cursor, "cursor", cursor)
    adapters = getattr(driver_cursor, "adapters", None)
    if adapters is None:
        return
    from psycopg.types.string import TextLoader

    for name in _LEFT_AS_TEXT:
        if name != "timestamptz" or reads_utc(connection):
            adapters.register_loader(name, TextLoader)
