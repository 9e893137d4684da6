"""The rows of one model as columns of JSON text, in the order of their keys."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import chain
from typing import Any, Callable

from django.core.serializers.python import Serializer
from django.db import models

from .bulk_texts import each
from .columns import EMPTY, Column, Failure, KeyLost
from .field_texts import exact_text, object_of, quick_texts
from .json_text import json_text, quoted
from .kinds import kind_of, target_of
from .links import Links
from .names import Name, Names
from .oddities import Oddities
from .order_columns import OrderColumn
from .own_ways import OwnWays
from .probe import probe_of
from .stand_ins import stand_in, stand_in_for
from .stored import shown
from .table_columns import TableColumns
from .table_query import TableQuery
from .written import Lines, Written, packed

# The columns of a block have about this size, and are of one row where rows are larger.
_BLOCK_BYTES = 50_000
SEPARATOR = ",\n"
_FIRST_ROWS = 50
_MOST_ROWS = 1000


class Table:
    """
    One model's table: its rows as columns for lines, ``{"model": …, "pk": …, "fields": {…}, "stored": {…}}``.

    Every row, whatever managers hide. Must be read inside a snapshot. ``loaddata`` reads the fields; what
    they cannot carry stands in ``stored``, as the database holds it, in lines that need it. Without ``whole``
    there is no such part. What the table has not, by ``columns``, stands in no line.
    """

    def __init__(
        self, model: Any, *, connection: Any, names: Names, columns: TableColumns, whole: bool = True
    ) -> None:
        self._model = model
        self.label = model._meta.label
        self.read = 0
        """How many rows were read so far."""
        self.left: list[str] = []
        """The rows that no line can hold, each with why."""
        self._count: int | None = None
        self._connection = connection
        self._whole = whole
        self._odd = Oddities()
        self._probed: Any = None
        self._size = _FIRST_ROWS
        meta = model._meta
        absent = columns.absent.get(meta.label, frozenset())
        self.by_name = names.knows(model)
        # Django 5.2 has keys of several columns.
        keys = list(getattr(meta.pk, "fields", (meta.pk,)))
        self._keys = keys
        written = [
            field
            for field in meta.local_fields
            if field.column is not None
            and field.column not in absent
            and field is not meta.pk
            and not getattr(field, "generated", False)
        ]
        # A key that is a content type, say, is written by name among the fields: loaddata then finds it.
        self._named_key = not self.by_name and len(keys) == 1 and names.of_field(keys[0]) is not None
        self._written = [*keys, *written] if self._named_key else written
        self._numbers = [field for field in (*keys, *written) if names.numbers(field)]
        self._links = [
            Links(field, connection=connection, names=names)
            for field in meta.local_many_to_many
            if field.serialize
            and field.remote_field.through._meta.auto_created
            and columns.reads(field.remote_field.through)
        ]
        self._fields = list(dict.fromkeys([*keys, *self._written]))
        self._named = {field: names.of_field(field) for field in self._written}
        self._kinds = {field: kind_of(field) for field in self._fields}
        others = [field for field in self._fields if self._by_django(field)]
        self._order = OrderColumn.of(model)
        self._ways = OwnWays.of(model, connection=connection)
        self._instances = bool(others)
        if self._instances:
            self._fields = [
                field
                for field in meta.local_concrete_fields
                if field.column is not None and field.column not in absent
            ]
            self._kinds.update((field, kind_of(field)) for field in self._fields)
        self._query = TableQuery(
            model,
            connection=connection,
            fields=self._fields,
            keys=keys,
            kinds={
                field: "integer" if self._named.get(field) is not None else kind
                for field, kind in self._kinds.items()
            },
            also_stored=others,
        )
        places = {field: place for place, field in enumerate(self._fields)}
        stored = {field: len(places) + place for place, field in enumerate(others)}
        self._places = {field: (places[field], stored.get(field, places[field])) for field in self._fields}

    @property
    def lost(self) -> dict[str, dict[str, Any]]:
        """Return by column what loaddata would not bring back as it was: how many, and the first keys."""
        by_number = {
            field.column: {"rows": self.read, "keys": [], "numbers": True}
            for field in self._numbers
            if self.read
        }
        one_sided = {link.name: lost for link in self._links if (lost := link.one_sided())}
        return {**by_number, **self._odd.lost, **one_sided}

    def count(self) -> int:
        """Return the number of rows as the database counts them: once, since the snapshot stays the same."""
        if self._count is None:
            self._count = int(models.QuerySet(self._model, using=self._connection.alias).count())
        return self._count

    def fixed(self) -> list[str]:
        """Return what stands before, between and after the columns of each line."""
        return ["", SEPARATOR] if self.by_name else self._fixed()

    def blocks(self) -> Iterator[bytes]:
        """Yield the packed columns of some rows at a time, in the order of their keys."""
        if not self.by_name:
            yield from self._batches()
            return
        # Without a key in the line the key's order means nothing: these few rows are sorted by their text.
        whole = Lines(self._fixed())
        text = b"".join(map(whole.block, self._batches())).decode("utf-8")
        if text:
            yield packed([Written.of(sorted(text[: -len(SEPARATOR)].split(SEPARATOR)))])

    def link_counts(self) -> dict[str, int]:
        """Return for each many-to-many field how many links were written."""
        return {link.name: link.count for link in self._links}

    def check(self) -> None:
        """Raise ValueError unless the rows read, and the links written, are all that the snapshot holds."""
        pairs = [(self.label, self.read + len(self.left), self.count())]
        pairs += [
            (f"{self.label}.{link.name}", link.count, link.stored())
            for link in self._links
            if not link.unread
        ]
        for name, written, stored in pairs:
            if written != stored:
                raise ValueError(f"{name}: {written} rows were read, but the database counts {stored}")

    def _batches(self) -> Iterator[bytes]:
        in_fields = self.by_name or self._named_key
        key_columns = [self._column(field, is_key=True) for field in ([] if in_fields else self._keys)]
        written = [self._column(field, is_key=field is self._model._meta.pk) for field in self._written]
        self._size = _FIRST_ROWS
        for rows in self._query.blocks(lambda: self._size):
            count = len(rows)
            # Columns by steps through one flat list: twice as fast as zip.
            flat = list(chain.from_iterable(rows))
            width = len(flat) // count
            values: list[Sequence[Any]] = [flat[place::width] for place in range(width)]
            block = self._block(values, count=count, keys=key_columns, written=written)
            if block is None:
                # One by one, to leave the one whose key no line can hold.
                blocks = [
                    self._block([[value] for value in row], count=1, keys=key_columns, written=written)
                    for row in rows
                ]
                for row, one in zip(rows, blocks):
                    if one is not None:
                        yield one
                    else:
                        self.left.append(f"{self.label} {self._key_of(row)}: no line can hold its key")
                self.read += sum(one is not None for one in blocks)
                continue
            self.read += count
            yield block
            self._size = max(1, min(_MOST_ROWS, 4 * self._size, _BLOCK_BYTES * count // len(block)))

    def _block(
        self,
        values: list[Sequence[Any]],
        *,
        count: int,
        keys: Sequence[Column],
        written: Sequence[Column],
    ) -> bytes | None:
        """Return the packed columns of some rows; None where the key of one cannot be written."""
        instances = self._make_instances(values) if self._instances else []
        odd = self._odd
        columns = []
        try:
            for column in (*keys, *written):
                place, stored = self._places[column.field]
                given = instances if column.by_django else values[place]
                columns.append(column.written(given, stored=values[stored], odd=odd))
            if self._ways is not None and self._whole:
                fields = [column.field for column in (*keys, *written)]
                self._ways.beside(
                    [(field, one, values[self._places[field][1]]) for field, one in zip(fields, columns)],
                    by_number=[field for field in fields if self._named.get(field) is not None],
                    odd=odd,
                )
            if self._links:
                linked = self._linked_keys(values)
                columns += [Written.of(link.texts(linked)) for link in self._links]
        except KeyLost:
            odd.forget()
            return None
        if not self._whole:
            odd.forget()
            return packed(columns)
        if self._order is not None:
            self._order.beside(
                lambda field: values[self._places[field][1]] if field in self._places else None, odd=odd
            )
        shown = values[self._places[self._keys[0]][1]]
        if len(self._keys) > 1:
            shown = list(zip(*(values[self._places[field][1]] for field in self._keys)))
        key_column = self._keys[0].column if self.by_name or self._named_key else ""
        columns.append(odd.written(count, keys=shown, key_column=key_column))
        return packed(columns)

    def _key_of(self, row: Sequence[Any]) -> str:
        return ", ".join(shown(row[self._places[field][1]]) for field in self._keys)

    def _by_django(self, field: Any) -> bool:
        """Return whether Django itself must write the field, from an instance of the model."""
        return self._kinds.get(field) is None and self._named.get(field) is None

    def _linked_keys(self, values: list[Sequence[Any]]) -> list[Any]:
        """Return the keys of a block as links have them, None where the line has another one."""
        field = self._keys[0]
        return [
            None if self._odd.has(row, field.column) else self._linked(value)
            for row, value in enumerate(values[self._places[field][0]])
        ]

    def _linked(self, key: Any) -> Any:
        """Return a key as links have it."""
        field = self._keys[0]
        convert = self._query.converts[field]
        try:
            return field.to_python(key if convert is None or isinstance(key, str) else convert(key))
        except Exception:  # noqa: BLE001 - a key that Django cannot read: its links are rows of their own
            return key

    def _make_instances(self, values: list[Sequence[Any]]) -> list[Any]:
        columns = []
        for place, field in enumerate(self._fields):
            kind = "integer" if self._named.get(field) is not None else self._kinds[field]
            convert = object_of(kind, convert=self._query.converts[field], connection=self._connection)
            columns.append(
                values[place] if convert is None else [_tried(convert, value) for value in values[place]]
            )
        attributes = [field.attname for field in self._fields]
        return [self._instance(attributes, row) for row in zip(*columns)]

    def _instance(self, attributes: Sequence[str], row: Sequence[Any]) -> Any:
        try:
            return self._model.from_db(self._connection.alias, attributes, row)
        except Exception:  # noqa: BLE001 - the shop's own code: then each of its fields has no text
            return Failure()

    def _column(self, field: Any, *, is_key: bool) -> Column:
        names = self._named.get(field)
        kind = self._kinds.get(field)
        by_django = self._by_django(field)
        quick = None
        null: str | None = "null"
        if names is not None:
            quick = each(_numbered(names, field=field, as_text=self._connection.vendor != "sqlite"))
            exact: Callable[[Any], str] = names
            first = names.first
            away = (lambda: "null") if field.null else (lambda: first)
        elif kind is not None:
            quick = quick_texts(kind, field=field, connection=self._connection)
            exact = exact_text(kind, convert=self._query.converts[field], connection=self._connection)
            null = EMPTY if kind == "file" else null
            away = stand_in(kind, field=field)
        else:
            exact = _by_django(field)
            away = stand_in(None, field=field)
        refers = names is None and (is_key or (field.remote_field is not None and not field.null))
        return Column(
            field,
            quick=quick,
            exact=exact,
            stand_in=None if is_key else away,
            stand_in_for=stand_in_for(kind, field=target_of(field)) if refers else None,
            probe=self._probe,
            connection=self._connection,
            null=None if is_key else null,
            by_django=by_django,
        )

    def _probe(self) -> Any:
        if self._probed is None:
            self._probed = probe_of(self._connection, table=self._model._meta.db_table)
        return self._probed

    def _fixed(self) -> list[str]:
        # A letter that no name has: quoted() would have escaped it.
        column = "\0"
        start = f'{{"model": {quoted(str(self._model._meta))}, '
        if not self.by_name and not self._named_key:
            keys = ", ".join([column] * len(self._keys))
            start += f'"pk": [{keys}], ' if len(self._keys) > 1 else f'"pk": {keys}, '
        names = [field.name for field in self._written] + [link.name for link in self._links]
        fields = ", ".join(f"{quoted(name)}: {column}" for name in names)
        stored = column if self._whole else ""
        return f'{start}"fields": {{{fields}}}{stored}}}{SEPARATOR}'.split(column)


def _numbered(names: Name, *, field: Any, as_text: bool) -> Callable[[Any], str]:
    convert = field.target_field.to_python

    def name(value: Any) -> str:
        number = convert(value)
        if value != (str(number) if as_text else number):
            raise ValueError("no number of a key")
        return names(number)

    return name


def _by_django(field: Any) -> Callable[[Any], str]:
    value_of = Serializer()._value_from_field

    def exact(instance: Any) -> str:
        if isinstance(field.value_from_object(instance), Failure):
            raise ValueError("no object can be made of it")
        return json_text(value_of(instance, field))

    return exact


def _tried(convert: Callable[[Any], Any], value: Any) -> Any:
    """Return what is made of a value, None where nothing can be."""
    if value is None or isinstance(value, Failure):
        return value
    try:
        return convert(value)
    except Exception:  # noqa: BLE001 - an odd value: its own column tells of it
        return Failure()
