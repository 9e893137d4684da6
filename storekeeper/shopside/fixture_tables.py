"""Which tables a fixture holds, in which order, and what it leaves out and why."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from .names import NATURAL_KEYS
from .table_columns import NOT_THERE, TableColumns, values_in

_NAMED = 5


def fixture_models(database: str) -> list[Any]:
    """
    Give the models whose tables lie in this database, referred-to tables before those that refer.

    Link tables of many-to-many fields come before the models that own them: loaddata then finds every
    link in place, with the key that it had, and makes none anew. Proxies have no table; unmanaged and
    swapped-out models are not Django's to create.
    """
    from django.apps import apps
    from django.db import router

    models = [
        model
        for model in apps.get_models()
        if model._meta.managed and not model._meta.proxy and router.allow_migrate_model(database, model)
    ]
    wanted = set(models)
    ordered: dict[Any, None] = {}

    def place(model: Any, *, waiting: frozenset[Any]) -> None:
        if model in ordered or model in waiting:
            return
        for field in (*model._meta.local_fields, *model._meta.local_many_to_many):
            target = field.remote_field.model._meta.concrete_model if field.remote_field else None
            if target in wanted:
                place(target, waiting=waiting | {model})
        ordered[model] = None

    by_name = [model for label in NATURAL_KEYS for model in models if model._meta.label_lower == label]
    for model in by_name:
        place(model, waiting=frozenset())
    ordered.update(dict.fromkeys(_link_tables(models)))
    for model in sorted(models, key=lambda model: str(model._meta.label)):
        place(model, waiting=frozenset())
    return list(ordered)


def _link_tables(models: list[Any]) -> list[Any]:
    """Give the models that Django made for many-to-many fields without one of the shop's own."""
    found = {
        field.remote_field.through
        for model in models
        for field in model._meta.local_many_to_many
        if field.remote_field.through._meta.auto_created
    }
    return sorted(found, key=lambda model: str(model._meta.label))


def left_out(database: str, *, connection: Any, written: set[str]) -> dict[str, str]:
    """
    Return what of this database no line holds → why; a table by its model's label where it has one.

    ``written`` are the labels of the models that stand in the fixture. Which table a model reads is the
    database's word: ``db_table`` may lead to another schema.
    """
    from django.apps import apps

    from .present import places, present_tables

    models = fixture_models(database)
    tables = connection.introspection.table_names()
    metas = [
        model._meta
        for model in apps.get_models(include_auto_created=True, include_swapped=True)
        if not model._meta.proxy
    ]
    found = places(connection, ["django_migrations", *tables, *(meta.db_table for meta in metas)])
    held = {found.get("django_migrations"), *present_tables(connection).values()}
    owners = {found[meta.db_table]: meta for meta in metas if meta.db_table in found}
    reasons = {}
    for table in tables:
        place = found.get(table)
        if place is None or place in held:
            continue
        owner = owners.get(place)
        if owner is None:
            reasons[place.name] = "no model of the shop has this table; the native format holds it"
        elif not owner.managed:
            reasons[owner.label] = (
                f"Django does not manage its table {place.name}: migrate would not create it"
            )
        else:
            reasons[owner.label] = (
                f"the shop keeps this model in another database; {place.name} lies here too"
            )
    columns = TableColumns([model for model in models if model._meta.label in written], connection=connection)
    missing = [model for model in models if model._meta.label not in written]
    reasons.update(_not_there(missing, columns, connection))
    reasons.update(_not_read(models, columns, connection))
    return reasons


def _not_there(missing: list[Any], columns: TableColumns, connection: Any) -> Iterator[tuple[str, str]]:
    """Yield what the shop's code has and its database has not."""
    if not (missing or columns.absent):
        return
    pending = _pending_migrations(connection)
    named = ", ".join(pending[:_NAMED]) + (", …" if len(pending) > _NAMED else "")
    why = f"; migrate has not run yet: {named}" if pending else ""
    for model in missing:
        yield f"{model._meta.label} (no table {model._meta.db_table})", f"{NOT_THERE}{why}"
    for label, absent in sorted(columns.absent.items()):
        for column in sorted(absent):
            yield f"{label}.{column} (no such column)", f"{NOT_THERE}{why}"


def _not_read(models: list[Any], columns: TableColumns, connection: Any) -> Iterator[tuple[str, str]]:
    """Yield the columns that the database has and no field of the shop's code."""
    for model in models:
        extra = columns.extra.get(model._meta.label, {})
        if not extra:
            continue
        table = model._meta.db_table
        counts = values_in(connection, table=table, columns=list(extra))
        for place, (column, computed) in enumerate(extra.items()):
            what = "computed" if computed else "values that cannot be read"
            if counts is not None and not computed:
                what = f"{counts[place]} value{'s' if counts[place] != 1 else ''}"
            yield (
                f"column {table}.{column} ({what})",
                "no field of the shop has it; the native format holds it",
            )


def columns_not_read(database: str, *, connection: Any) -> dict[str, list[str]]:
    """Return by the label of a model which columns of its table no field reads."""
    columns = TableColumns(fixture_models(database), connection=connection)
    return {label: list(extra) for label, extra in columns.extra.items()}


def _pending_migrations(connection: Any) -> list[str]:
    """Return the migrations of the shop's code that the database has not seen, as ``app.name``."""
    from .past_schema import PastSchema

    return list(PastSchema(connection, migrations=applied_migrations(connection)).newer)


def stored_as(database: str, *, connection: Any) -> dict[str, list[str]]:
    """
    Return for each model in the fixture, by label, the schema and the name of the table that it reads.

    The schema is ``""`` on SQLite. On PostgreSQL the search path decides which table of a name is read.
    """
    from .present import present_tables

    if connection.vendor != "postgresql":
        return {model._meta.label: ["", model._meta.db_table] for model in fixture_models(database)}
    places = present_tables(connection)
    return {model._meta.label: [place.schema, place.table] for model, place in places.items()}


def applied_migrations(connection: Any) -> list[str]:
    """Give the migrations that the database has seen, as ``app.name``, sorted."""
    from django.db.migrations.recorder import MigrationRecorder

    return sorted(f"{app}.{name}" for app, name in MigrationRecorder(connection).applied_migrations())
