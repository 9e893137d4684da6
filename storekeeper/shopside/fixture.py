"""All rows of one database at one moment, as a fixture that ``manage.py loaddata`` restores."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Iterator
from typing import Any

SEPARATOR = b",\n"
_PROGRESS_SECONDS = 0.2


def dump_fixture(*, database: str, lock_timeout_seconds: float = 60.0) -> Iterator[Any]:
    """
    Yield the fixture as bytes, with ``{"progress": …}`` now and then, and at the end ``{"summary": …}``.

    The fixture is a JSON array with one object on each line. Of each table the summary has the number
    of rows and the SHA-256 of its lines in the order of their keys, each line followed by a comma and
    a newline: two databases with equal rows give equal sums. A row that could not be restored, or a
    count that differs from the database's own, is an error.
    """
    yield from _read(database, lock_timeout_seconds=lock_timeout_seconds, with_data=True)


def measure_fixture(*, database: str, lock_timeout_seconds: float = 60.0) -> Iterator[Any]:
    """Yield what dump_fixture would, without the bytes of the fixture."""
    yield from _read(database, lock_timeout_seconds=lock_timeout_seconds, with_data=False)


def _read(database: str, *, lock_timeout_seconds: float, with_data: bool) -> Iterator[Any]:
    import datetime as dt

    import django

    from .fixture_tables import applied_migrations, fixture_models, left_out
    from .names import Names
    from .snapshot import snapshot
    from .table_rows import Table

    content = hashlib.sha256()
    tables: dict[str, dict[str, Any]] = {}
    size_bytes = 0
    first = True
    reported = time.monotonic()
    with snapshot(database, lock_timeout_seconds=lock_timeout_seconds) as connection:
        moment = dt.datetime.now(dt.timezone.utc)
        names = Names(database)
        models = [Table(model, connection=connection, names=names) for model in fixture_models(database)]
        total = sum(table.count() for table in models)
        done = 0
        if with_data:
            content.update(b"[\n")
            yield b"[\n"
        for table in models:
            checksum = hashlib.sha256()
            rows = 0
            for lines in table.lines():
                rows += len(lines)
                data = SEPARATOR.decode().join(lines).encode("utf-8")
                checksum.update(data)
                checksum.update(SEPARATOR)
                if with_data:
                    block = data if first else SEPARATOR + data
                    first = False
                    content.update(block)
                    size_bytes += len(block)
                    yield block
                if time.monotonic() - reported > _PROGRESS_SECONDS:
                    reported = time.monotonic()
                    yield {"progress": {"done": done + rows, "total": total, "table": table.label}}
            table.check(rows)
            done += rows
            tables[table.label] = {
                "rows": rows,
                "checksum": checksum.hexdigest(),
                "links": table.link_counts(),
            }
        if with_data:
            end = b"]\n" if first else b"\n]\n"
            content.update(end)
            size_bytes += len(end) + 2
            yield end
        yield {
            "summary": {
                "snapshot": moment.isoformat(),
                "tables": tables,
                "left_out": left_out(database, connection=connection),
                "migrations": applied_migrations(connection),
                "django_version": django.get_version(),
                "server": _server(connection),
                "content_sha256": content.hexdigest(),
                "content_bytes": size_bytes,
            }
        }


def _server(connection: Any) -> str:
    """Give the database's kind and version, such as ``postgresql 16.4``."""
    version = connection.Database.sqlite_version if connection.vendor == "sqlite" else None
    if version is None:
        number = connection.pg_version
        version = f"{number // 10000}.{number % 10000}"
    return f"{connection.vendor} {version}"
