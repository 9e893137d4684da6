"""Load a fixture many rows at a time; loaddata asks the database twice for every row."""

from __future__ import annotations

import gzip
import itertools
import json
from collections.abc import Iterator
from operator import itemgetter
from typing import Any

from .names import NATURAL_KEYS

_LINES = 1000


def load_in_batches(path: str, *, connection: Any) -> Iterator[int]:
    """
    Load the fixture at ``path`` (``.json`` or ``.json.gz``, one object on each line) into empty tables.

    The objects are made by Django's own deserialiser, as loaddata makes them, and inserted as they
    are; signals are not sent. Constraints are checked and sequences set at the end, as loaddata does.
    Yields the number of objects so far. The caller holds the transaction.
    """
    from django.core.management.color import no_style
    from django.core.serializers.python import Deserializer

    count = 0
    models: dict[Any, None] = {}
    with connection.constraint_checks_disabled():
        for objects in _objects(path):
            # Model by model: making a permission asks for its content type, which must be there.
            for _, group in itertools.groupby(objects, key=itemgetter("model")):
                made = list(Deserializer(list(group), using=connection.alias))
                models[type(made[0].object)] = None
                _insert(type(made[0].object), made, connection=connection, linked=models)
            count += len(objects)
            yield count
    connection.check_constraints()
    statements = connection.ops.sequence_reset_sql(no_style(), list(models))
    with connection.cursor() as cursor:
        for statement in statements:
            cursor.execute(statement)


def field_orders(path: str) -> dict[str, dict[str, int]]:
    """Give for each model in the fixture (its label in small letters) the fields and their places."""
    orders: dict[str, dict[str, int]] = {}
    last = ""
    with open_lines(path) as lines:
        for text in texts_of_lines(lines):
            model = text.partition(",")[0]
            if model != last:
                last = model
                first = json.loads(text)
                names = {name: place for place, name in enumerate(first["fields"])}
                orders.setdefault(first["model"], names)
    return orders


def open_lines(path: str) -> Any:
    """Open a fixture, packed or not, as text."""
    opened: Any = gzip.open if path.endswith(".gz") else open
    return opened(path, "rt", encoding="utf-8")


def texts_of_lines(lines: Any) -> Iterator[str]:
    """Yield the JSON text of each object."""
    for line in lines:
        text = line.rstrip(",\n")
        if text not in ("[", "]", ""):
            yield text


def _objects(path: str) -> Iterator[list[dict[str, Any]]]:
    with open_lines(path) as lines:
        texts = texts_of_lines(lines)
        while batch := list(itertools.islice(texts, _LINES)):
            yield json.loads(f"[{','.join(batch)}]")


def _insert(model: Any, group: list[Any], *, connection: Any, linked: dict[Any, None]) -> None:
    """Insert objects and their links; a link table that is in ``linked`` has had its own rows already."""
    by_name = model._meta.label_lower in NATURAL_KEYS
    if by_name or any(one.object.pk is None or one.deferred_fields for one in group):
        # Known by name and few: saved one by one, which gives them their keys.
        for one in group:
            one.save(using=connection.alias)
        return
    _insert_rows(model, [one.object for one in group], connection=connection)
    links: dict[Any, list[Any]] = {}
    for one in group:
        for name, targets in (one.m2m_data or {}).items():
            field = model._meta.get_field(name)
            through = field.remote_field.through
            if through in linked:
                continue
            source = through._meta.get_field(field.m2m_field_name()).attname
            target = through._meta.get_field(field.m2m_reverse_field_name()).attname
            links.setdefault(through, []).extend(
                through(**{source: one.object.pk, target: getattr(found, "pk", found)}) for found in targets
            )
    for through, rows in links.items():
        _insert_rows(through, rows, connection=connection)


def _insert_rows(model: Any, rows: list[Any], *, connection: Any) -> None:
    from django.db.models import AutoField, sql

    fields = [
        field
        for field in model._meta.local_concrete_fields
        if field.column is not None and not getattr(field, "generated", False)
    ]
    if rows and rows[0].pk is None:
        # The keys of link tables have no meaning.
        fields = [field for field in fields if not isinstance(field, AutoField)]
    size = max(1, connection.ops.bulk_batch_size(fields, rows))
    for start in range(0, len(rows), size):
        query = sql.InsertQuery(model)
        # Raw: as they are, without pre_save, so that auto_now does not change them.
        query.insert_values(fields, rows[start : start + size], raw=True)
        query.get_compiler(using=connection.alias).execute_sql()
