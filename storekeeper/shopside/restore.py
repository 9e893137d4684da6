"""Restore a fixture and prove, before anything is committed, that every row is there again."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

_SITE = "sites.Site"


def count_rows(*, database: str) -> Iterator[Any]:
    """
    Yield the rows of each table that has any, by the model's label.

    Content types, permissions and the site example.com are left aside, since migrate alone makes them. A
    database without tables has no rows.
    """
    from django.db import connections, models

    from .names import NATURAL_KEYS
    from .no_effects import silent_signals
    from .present import present_tables

    with silent_signals():
        counts = {
            model._meta.label: models.QuerySet(model, using=database).count()
            for model, place in present_tables(connections[database]).items()
            if not place.is_view and model._meta.label_lower not in NATURAL_KEYS
        }
        if counts.get(_SITE) == 1 and _is_made_by_migrate(database):
            del counts[_SITE]
    yield {label: count for label, count in counts.items() if count}


def _is_made_by_migrate(database: str) -> bool:
    """Return whether the one site is that which migrate makes where there is none."""
    from django.apps import apps
    from django.conf import settings
    from django.db import models

    rows = models.QuerySet(apps.get_model(_SITE), using=database).values_list("pk", "domain", "name")
    return list(rows) == [(getattr(settings, "SITE_ID", 1), "example.com", "example.com")]


def restore_fixture(
    *,
    database: str,
    path: str,
    loader: str,
    tables: dict[str, dict[str, Any]],
    migrations: list[str],
    past: bool,
    schema: dict[str, Any] | None = None,
    sequences: list[dict[str, Any]] | None = None,
    numbers: dict[str, list[list[Any]]] | None = None,
) -> Iterator[Any]:
    """
    Migrate, empty every table, load the fixture at ``path`` and compare with the sums in ``tables``.

    ``migrations`` are those that the backed-up database had seen. With ``past``, which is for an empty
    scratch database alone, the tables are made as they were then. Before anything is loaded yields
    ``{"schema": {"newer": [...], "unknown": [...]}}``: what the shop's code has more and less than they.
    With unknown ones nothing is loaded in the past, since nobody knows how the tables were.

    The tables are emptied since migrations may have put rows there that the shop has long removed.
    Emptying, loading and comparing are one transaction: where a row or a sum differs it is rolled back.
    ``loader`` is ``loaddata`` or ``batches`` (the same objects, inserted many at a time). Yields
    ``{"progress": …}`` and at the end ``{"differences": [...]}``, empty when all is equal.
    Meanwhile the shop's Django has no effects but rows.

    ``schema`` is for an empty scratch database, too: ``{"made": …, "statements": [...]}``. Where the tables
    of that time are made, or the statements make them, no migration runs, and who asks compares with SQL.
    ``sequences`` are set to where they stood; ``{"missing": [...]}`` names those that are not there.
    ``numbers`` are those that content types and permissions had.
    """
    from .no_effects import no_effects

    with no_effects():
        yield from _restore(
            database=database,
            path=path,
            loader=loader,
            tables=tables,
            migrations=migrations,
            past=past,
            schema=schema or {},
            sequences=sequences or [],
            numbers=numbers or {},
        )


def _restore(
    *,
    database: str,
    path: str,
    loader: str,
    tables: dict[str, dict[str, Any]],
    migrations: list[str],
    past: bool,
    schema: dict[str, Any],
    sequences: list[dict[str, Any]],
    numbers: dict[str, list[list[Any]]],
) -> Iterator[Any]:
    from django.core.management import call_command
    from django.db import connections, transaction

    from .dangling import check_now, let_dangle
    from .empty_tables import empty_tables
    from .fixture import sums_of
    from .fixture_load import load_in_batches
    from .fixture_tables import fixture_models
    from .links import links_as_rows
    from .numbers import keep_numbers
    from .own_ddl import make_tables
    from .past_schema import PastSchema
    from .quiet_tables import quiet_tables
    from .sequences import exact_names, set_sequences
    from .stored_rows import apply_stored
    from .table_columns import TableColumns

    connection = connections[database]
    state = PastSchema(connection, migrations=migrations)
    in_the_past = past and bool(migrations and (state.newer or state.unknown))
    made = False
    if not (in_the_past and state.unknown):
        made = past and (
            schema.get("made", False)
            or make_tables(connection, schema.get("statements", []), tables=schema.get("tables", []))
        )
        if in_the_past:
            state.enter(path, tables=not made)
        elif not made:
            call_command("migrate", database=database, interactive=False, verbosity=0, run_syncdb=True)
    yield {"schema": {"newer": state.newer, "unknown": state.unknown, "made": made}}
    if in_the_past and state.unknown:
        return
    differences: list[str] = []
    missing: list[str] = []
    try:
        with let_dangle(connection), transaction.atomic(using=database):
            if connection.vendor == "postgresql":
                with connection.cursor() as cursor:
                    # Emptying waits for everybody who uses a table, and makes everybody else wait.
                    cursor.execute("SET LOCAL lock_timeout = '60s'")
            with quiet_tables(connection), exact_names(connection):
                if not made:
                    empty_tables(connection)
                columns = TableColumns(fixture_models(database), connection=connection)
                columns.forget_absent()
                if made:
                    columns.drop_extra()
                keep_numbers(numbers, database=database)
                _forget_content_types()
                if loader == "loaddata":
                    with links_as_rows():
                        call_command("loaddata", path, database=database, verbosity=0)
                else:
                    for rows in load_in_batches(path, connection=connection):
                        yield {"progress": {"done": rows}}
                # Lines that an older version wrote have fields alone, and so have the sums of its backups.
                whole = bool(apply_stored(path, connection=connection) or numbers)
                check_now(connection)
            if not made:
                # The tables of the backup's own schema are compared by SQL.
                differences = _differences(tables, sums_of(connection, database=database, whole=whole))
            if differences:
                raise _Different
            missing = set_sequences(connection, sequences)
    except _Different:
        pass
    yield {"differences": differences, "missing": missing}


class _Different(Exception):
    """Rolls the restore back."""


def _forget_content_types() -> None:
    """Django remembers the numbers of content types, which are new ones now."""
    from django.apps import apps

    if apps.is_installed("django.contrib.contenttypes"):
        from django.contrib.contenttypes.models import ContentType

        ContentType.objects.clear_cache()


def _differences(expected: dict[str, dict[str, Any]], found: dict[str, dict[str, Any]]) -> list[str]:
    differences = []
    for label in sorted(set(expected) | set(found)):
        before, after = expected.get(label), found.get(label)
        if before is None:
            if after["rows"]:  # type: ignore[index]
                differences.append(f"{label}: {after['rows']} rows that the backup does not have")  # type: ignore[index]
        elif after is None:
            if before["rows"]:
                differences.append(f"{label}: the shop has no such model any more")
        elif before["rows"] != after["rows"]:
            differences.append(f"{label}: {after['rows']} rows, not {before['rows']}")
        elif before["checksum"] != after["checksum"]:
            differences.append(f"{label}: {after['rows']} rows, but not all of them are equal")
    return differences
