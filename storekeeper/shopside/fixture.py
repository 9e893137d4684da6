"""All rows of one database at one moment, as a fixture that ``manage.py loaddata`` restores."""

from __future__ import annotations

import gc
import hashlib
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

_PROGRESS_SECONDS = 0.2
# How many new objects the collector waits for: hundreds of rows of each block live for a moment.
_COLLECT_AFTER = 100_000
# Of rows that no line can hold.
_NAMED = 20


def dump_fixture(*, database: str, lock_timeout_seconds: float = 20.0) -> Iterator[Any]:
    """
    Yield, for each table, ``{"table": {…}}`` and the columns of its rows as bytes; then ``{"summary": …}``.

    The rows come in the order of their keys. ``"table"`` has the model's label and the fixed parts of its
    lines; Lines makes the lines of them and of the columns. ``{"progress": …}`` comes now and then. Of each
    table the summary has the number of rows and the SHA-256 of the bytes that were sent. A row that could
    not be restored, or a count that differs from the database's own, is an error.
    """
    import datetime as dt

    import django

    from .dangling import dangling
    from .drift import drift
    from .fixture_tables import applied_migrations, columns_not_read, fixture_models, left_out, stored_as
    from .no_effects import silent_signals
    from .numbers import numbers_of
    from .snapshot import snapshot

    sent: dict[str, dict[str, Any]] = {}
    done = 0
    reported = time.monotonic()
    names = [model._meta.db_table for model in fixture_models(database)]
    reading = snapshot(database, tables=names, lock_timeout_seconds=lock_timeout_seconds)
    with _few_collections(), silent_signals(), reading as connection:
        moment = dt.datetime.now(dt.timezone.utc)
        tables = _tables(connection, database=database)
        total = sum(table.count() for table in tables)
        for table in tables:
            yield {"table": {"label": table.label, "fixed": table.fixed()}}
            checksum = hashlib.sha256()
            for block in table.blocks():
                checksum.update(block)
                yield block
                if time.monotonic() - reported > _PROGRESS_SECONDS:
                    reported = time.monotonic()
                    yield {"progress": {"done": done + table.read, "total": total}}
            table.check()
            sent[table.label] = {
                "rows": table.read,
                "sent_sha256": checksum.hexdigest(),
                "links": table.link_counts(),
                "lost": table.lost,
                "left": table.left[:_NAMED],
                "left_rows": len(table.left),
            }
            done += table.read
        yield {
            "summary": {
                "snapshot": moment.isoformat(),
                "tables": sent,
                "dangling": dangling(connection),
                "drift": drift(connection),
                "numbers": numbers_of(database, written=set(sent)),
                "stored_as": stored_as(database, connection=connection),
                "not_read": columns_not_read(database, connection=connection),
                "left_out": left_out(database, connection=connection, written=set(sent)),
                "migrations": applied_migrations(connection),
                "django_version": django.get_version(),
                "server": _server(connection),
            }
        }


@contextmanager
def _few_collections() -> Iterator[None]:
    """Looking for cycles among all that Django has loaded, again and again, takes a fifth of the time."""
    thresholds = gc.get_threshold()
    gc.freeze()
    gc.set_threshold(_COLLECT_AFTER, *thresholds[1:])
    try:
        yield
    finally:
        gc.set_threshold(*thresholds)
        gc.unfreeze()


def sums_of(connection: Any, *, database: str, whole: bool = True) -> dict[str, dict[str, Any]]:
    """
    Return the rows of each table and the SHA-256 of their lines, within the caller's transaction.

    Equal to those in the manifest of a backup with equal rows; not ``whole`` for one whose lines have fields
    alone.
    """
    from .written import Lines

    sums: dict[str, dict[str, Any]] = {}
    for table in _tables(connection, database=database, whole=whole):
        lines = Lines(table.fixed())
        checksum = hashlib.sha256()
        for block in table.blocks():
            checksum.update(lines.block(block))
        table.check()
        sums[table.label] = {"rows": table.read, "checksum": checksum.hexdigest()}
    return sums


def _tables(connection: Any, *, database: str, whole: bool = True) -> list[Any]:
    from .fixture_tables import fixture_models
    from .names import Names
    from .table_columns import TableColumns
    from .table_rows import Table

    models = fixture_models(database)
    columns = TableColumns(models, connection=connection)
    names = Names(database, columns=columns)
    return [
        Table(model, connection=connection, names=names, columns=columns, whole=whole)
        for model in models
        if columns.reads(model)
    ]


def _server(connection: Any) -> str:
    """Give the database's kind and version, such as ``postgresql 16.4``."""
    version = connection.Database.sqlite_version if connection.vendor == "sqlite" else None
    if version is None:
        number = connection.pg_version
        version = f"{number // 10000}.{number % 10000}"
    return f"{connection.vendor} {version}"
