"""One moment of a database, for as long as it is being read."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from typing import Any

from .patience import LOCKED_STATE, state_of

_SQLITE_CACHE_KIB = 500

# The snapshots that were opened for the next one who wants to read: by the database's alias.
_opened: dict[str, tuple[ExitStack, Any]] = {}


def open_snapshot(*, database: str, lock_timeout_seconds: float = 20.0) -> Iterator[Any]:
    """
    Open the moment in which ``dump_fixture`` will read; yields ``{"exported": …}``.

    That is the name by which other sessions of a PostgreSQL server enter the same moment, as long as it is
    open; ``""`` where there is none. A moment that was opened before is given up.
    """
    from django.db import Error

    from .fixture_tables import fixture_models

    _take(database).close()
    tables = [model._meta.db_table for model in fixture_models(database)]
    exported = ""
    with ExitStack() as ended:
        connection = ended.enter_context(
            _entered(database, tables=tables, lock_timeout_seconds=lock_timeout_seconds)
        )
        if connection.vendor == "postgresql":
            try:
                exported = _exported(connection)
            except Error:
                # The transaction is spoilt; who reads opens one of its own.
                ended.close()
        if exported or connection.vendor != "postgresql":
            _opened[database] = (ended.pop_all(), connection)
    yield {"exported": exported}


def _take(database: str) -> ExitStack:
    """Return what ends the snapshot that was opened."""
    return _opened.pop(database, (ExitStack(), None))[0]


def _exported(connection: Any) -> str:
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_export_snapshot()")
        return str(cursor.fetchone()[0])


@contextmanager
def snapshot(database: str, *, tables: Sequence[str], lock_timeout_seconds: float) -> Iterator[Any]:
    """Give what ``open_snapshot`` has opened, else a moment of now, as ``_entered`` does."""
    opened = _opened.get(database)
    if opened is None:
        with _entered(database, tables=tables, lock_timeout_seconds=lock_timeout_seconds) as connection:
            yield connection
        return
    with _take(database):
        yield opened[1]


@contextmanager
def _entered(database: str, *, tables: Sequence[str], lock_timeout_seconds: float) -> Iterator[Any]:
    """
    Give the shop's own connection inside a transaction that only reads and sees one moment.

    PostgreSQL: REPEATABLE READ, READ ONLY. First each of ``tables`` is locked against changes of its shape:
    one that is rewritten or truncated after the moment looks empty. A table that stays locked by another
    process for ``lock_timeout_seconds`` is an error. SQLite: one deferred read transaction, whatever kind of
    transaction the settings ask for, so that it never takes the writers' lock. Raises django.db.Error.
    """
    from django.db import connections

    connection = connections[database]
    # A connection that was used before may carry a transaction or a time limit of somebody else.
    connection.close()
    connection.ensure_connection()
    if connection.vendor == "postgresql":
        connection.set_autocommit(False)
    with connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
            cursor.execute(f"SET LOCAL lock_timeout = {int(lock_timeout_seconds * 1000)}")
            # Reading all of a large shop may take longer than a page may.
            cursor.execute("SET LOCAL statement_timeout = 0")
            cursor.execute("SET LOCAL idle_in_transaction_session_timeout = 0")
            # Rows that a policy hides from this role would be missing: then to read them is an error.
            cursor.execute("SET LOCAL row_security = off")
            _lock(cursor, tables, quote=connection.ops.quote_name)
            # The snapshot is taken by the first query, not by the start.
            cursor.execute("SELECT 1 FROM pg_catalog.pg_class LIMIT 1")
        elif connection.vendor == "sqlite":
            cursor.execute("PRAGMA query_only = ON")
            # In KiB. A table is read once, from its begin to its end: more would hold pages for nothing.
            cursor.execute(f"PRAGMA cache_size = -{_SQLITE_CACHE_KIB}")
            cursor.execute("BEGIN DEFERRED")
            cursor.execute("SELECT 1 FROM sqlite_master LIMIT 1")
        else:
            raise ValueError(f"database {database}: {connection.vendor} is not one that storekeeper backs up")
    try:
        yield connection
    finally:
        # Nothing was written: closing ends the transaction, also one that an error has spoilt.
        connection.close()


def _lock(cursor: Any, tables: Sequence[str], *, quote: Any) -> None:
    """Lock the tables as every reader does; one that has no lock, such as a view, tells when it is read."""
    from django.db import Error

    for table in tables:
        cursor.execute("SAVEPOINT storekeeper")
        try:
            cursor.execute(f"LOCK TABLE {quote(table)} IN ACCESS SHARE MODE")
        except Error as error:
            if state_of(error) == LOCKED_STATE:
                raise type(error)(f"{table}: {error}") from error.__cause__
            cursor.execute("ROLLBACK TO SAVEPOINT storekeeper")
        cursor.execute("RELEASE SAVEPOINT storekeeper")
