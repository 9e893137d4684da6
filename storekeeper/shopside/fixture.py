"""All rows of one database at one moment, as a fixture that ``manage.py loaddata`` restores."""

from __future__ import annotations

import gc
import hashlib
import time
from collections.abc import Iterator
from typing import Any

_SEPARATOR = b",\n"
_PROGRESS_SECONDS = 0.2


def dump_fixture(*, database: str, lock_timeout_seconds: float = 60.0) -> Iterator[Any]:
    """
    Yield the fixture as bytes, with ``{"progress": …}`` now and then, and at the end ``{"summary": …}``.

    The fixture is a JSON array with one object on each line. Of each table the summary has the number
    of rows and the SHA-256 of its lines in the order of their keys, each line followed by a comma and
    a newline: two databases with equal rows give equal sums. A row that could not be restored, or a
    count that differs from the database's own, is an error.
    """
    import datetime as dt

    import django

    from .fixture_tables import applied_migrations, left_out
    from .snapshot import snapshot

    sums: dict[str, dict[str, Any]] = {}
    output = _Output()
    reported = time.monotonic()
    # Looking for cycles among all that Django has loaded, again and again, takes a fifth of the time.
    gc.freeze()
    try:
        with snapshot(database, lock_timeout_seconds=lock_timeout_seconds) as connection:
            moment = dt.datetime.now(dt.timezone.utc)
            tables = _tables(connection, database=database)
            total = sum(table.count() for table in tables)
            # One block is held back: the last one ends otherwise.
            held = b"[\n"
            for table in tables:
                for block, table_sums in _blocks(table):
                    if table_sums is not None:
                        sums[table.label] = table_sums
                        continue
                    yield output.text(held)
                    held = block
                    if time.monotonic() - reported > _PROGRESS_SECONDS:
                        reported = time.monotonic()
                        yield {
                            "progress": {
                                "done": table.read + sum(one["rows"] for one in sums.values()),
                                "total": total,
                            }
                        }
            end = len(_SEPARATOR) if held.endswith(_SEPARATOR) else 0
            yield output.text(held[: len(held) - end] + (b"\n]\n" if end else b"]\n"))
            yield {
                "summary": {
                    "snapshot": moment.isoformat(),
                    "tables": sums,
                    "left_out": left_out(database, connection=connection),
                    "migrations": applied_migrations(connection),
                    "django_version": django.get_version(),
                    "server": _server(connection),
                    "content_sha256": output.sha256.hexdigest(),
                    "content_bytes": output.size_bytes,
                }
            }
    finally:
        gc.unfreeze()


class _Output:
    """Sums up what is sent."""

    def __init__(self) -> None:
        self.sha256 = hashlib.sha256()
        self.size_bytes = 0

    def text(self, data: bytes) -> bytes:
        """Count these bytes and give them back."""
        self.sha256.update(data)
        self.size_bytes += len(data)
        return data


def sums_of(connection: Any, *, database: str) -> dict[str, dict[str, Any]]:
    """Give the rows and the checksum of each table as dump_fixture would, within the caller's transaction."""
    return {
        table.label: sums
        for table in _tables(connection, database=database)
        for _, sums in _blocks(table)
        if sums is not None
    }


def _tables(connection: Any, *, database: str) -> list[Any]:
    from .fixture_tables import fixture_models
    from .names import Names
    from .table_rows import Table

    names = Names(database)
    return [Table(model, connection=connection, names=names) for model in fixture_models(database)]


def _blocks(table: Any) -> Iterator[tuple[bytes, dict[str, Any] | None]]:
    """Yield the lines of a table in blocks of bytes, and at the end its sums with no bytes."""
    checksum = hashlib.sha256()
    rows = 0
    for block, count in table.blocks():
        rows += count
        data = block.encode("utf-8")
        checksum.update(data)
        yield data, None
    table.check(rows)
    yield b"", {"rows": rows, "checksum": checksum.hexdigest(), "links": table.link_counts()}


def _server(connection: Any) -> str:
    """Give the database's kind and version, such as ``postgresql 16.4``."""
    version = connection.Database.sqlite_version if connection.vendor == "sqlite" else None
    if version is None:
        number = connection.pg_version
        version = f"{number // 10000}.{number % 10000}"
    return f"{connection.vendor} {version}"
