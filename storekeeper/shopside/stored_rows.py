"""Put back what the fields of a fixture cannot carry: each line says beside them what the database stored."""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterator
from typing import Any

from .fixture_load import open_lines, texts_of_lines
from .stored import parameter_of

# Stands in each line that has such a part; inside of a text its quotes would be escaped.
_MARK = '"stored": {'
_AT_ONCE = 1000


def apply_stored(path: str, *, connection: Any) -> int:
    """Put into the rows that were loaded what their lines say is stored; return how many rows that were."""
    changed = 0
    with open_lines(path) as lines, connection.cursor() as cursor:
        marked = (text for text in texts_of_lines(lines) if _MARK in text)
        while some := list(itertools.islice(marked, _AT_ONCE)):
            for statement, rows in itertools.groupby(
                _updates(some, connection=connection), key=lambda update: update[0]
            ):
                parameters = [row for _, row in rows]
                cursor.executemany(statement, parameters)
                changed += len(parameters)
    return changed


def _updates(texts: list[str], *, connection: Any) -> Iterator[tuple[str, list[Any]]]:
    from django.apps import apps

    def quote(name: str) -> str:
        return str(connection.ops.quote_name(name)).replace("%", "%%")

    as_text = connection.vendor != "sqlite"
    for text in texts:
        one = json.loads(text)
        stored = one.get("stored")
        if not isinstance(stored, dict):
            continue
        model = apps.get_model(one["model"])
        meta = model._meta
        keys = list(getattr(meta.pk, "fields", (meta.pk,)))
        if "pk" in one:
            given = one["pk"] if len(keys) > 1 else [one["pk"]]
            wanted = {
                field.column: ("%s", _prepared(field, value, connection=connection))
                for field, value in zip(keys, given)
            }
        else:
            wanted = {meta.pk.column: parameter_of(stored[meta.pk.column], as_text=as_text)}
            stored = {column: form for column, form in stored.items() if column != meta.pk.column}
        if not stored:
            continue
        values = [parameter_of(form, as_text=as_text) for form in stored.values()]
        sets = ", ".join(f"{quote(column)} = {sql}" for column, (sql, _) in zip(stored, values))
        where = " AND ".join(f"{quote(column)} = {sql}" for column, (sql, _) in wanted.items())
        yield (
            f"UPDATE {quote(meta.db_table)} SET {sets} WHERE {where}",
            [value for _, value in (*values, *wanted.values())],
        )


def _prepared(field: Any, value: Any, *, connection: Any) -> Any:
    target = field.target_field if field.remote_field else field
    return field.get_db_prep_save(target.to_python(value), connection=connection)
