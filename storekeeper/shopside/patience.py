"""
How long a statement waits for a lock: a table that another process holds stops no run for ever.

Every connection to PostgreSQL waits LOCK_SECONDS at the most. Behind a pooler that gives each transaction
another connection, a setting of the session would reach the shop; there each statement outside
of a transaction gets one that ends with it. Such a pooler is known by DISABLE_SERVER_SIDE_CURSORS, and by a
server process that is not the one that greeted us. SQLite waits as long as the shop's own settings say.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

LOCK_SECONDS = 20.0
LOCKED_STATE = "55P03"

# Who holds tables so that nobody can even read them. Of other roles a plain user sees the number alone.
_HOLDERS = """
SELECT l.relation::regclass::text, l.pid, a.application_name, a.state,
       round(extract(epoch FROM clock_timestamp() - a.xact_start))
FROM pg_locks l LEFT JOIN pg_stat_activity a ON a.pid = l.pid
WHERE l.granted AND l.locktype = 'relation' AND l.mode = 'AccessExclusiveLock' AND l.pid <> pg_backend_pid()
  AND l.database = (SELECT oid FROM pg_database WHERE datname = current_database())
  AND l.relation::regclass::text NOT LIKE 'pg\\_%%'
ORDER BY 1 LIMIT 3
"""


def limit_waits() -> None:
    """Let each connection that Django opens from now on wait for a lock only so long."""
    from django.db.backends.signals import connection_created

    connection_created.connect(_limit, dispatch_uid="storekeeper")


def _limit(connection: Any, **_: Any) -> None:
    if connection.vendor != "postgresql":
        return
    if connection.settings_dict.get("DISABLE_SERVER_SIDE_CURSORS") or _is_pooled(connection):
        if _in_a_transaction not in connection.execute_wrappers:
            connection.execute_wrappers.append(_in_a_transaction)
        return
    with connection.cursor() as cursor:
        cursor.execute(f"SET lock_timeout = {int(LOCK_SECONDS * 1000)}")


def _is_pooled(connection: Any) -> bool:
    """Return whether another server process answers than the one that greeted us."""
    greeted = getattr(getattr(connection.connection, "info", None), "backend_pid", None)
    if greeted is None:
        return False
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_backend_pid()")
        return bool(cursor.fetchone()[0] != greeted)


def _in_a_transaction(execute: Any, statement: Any, values: Any, many: bool, context: dict[str, Any]) -> Any:
    """Run a statement outside of a transaction in one that waits for a lock only so long."""
    connection = context["connection"]
    if connection.in_atomic_block or not connection.get_autocommit():
        return execute(statement, values, many, context)
    with patient(connection):
        return execute(statement, values, many, context)


@contextmanager
def patient(
    connection: Any, *, lock_seconds: float = LOCK_SECONDS, statement_seconds: float = 0
) -> Iterator[None]:
    """
    Open a transaction in which PostgreSQL waits so long for a lock, and works so long on a statement.

    The limits end with the transaction, so that a connection pooler hands them to no one else.
    """
    from django.db import transaction

    with transaction.atomic(using=connection.alias):
        if connection.vendor == "postgresql":
            with connection.cursor() as cursor:
                cursor.execute(f"SET LOCAL lock_timeout = {int(lock_seconds * 1000)}")
                if statement_seconds:
                    cursor.execute(f"SET LOCAL statement_timeout = {int(statement_seconds * 1000)}")
        yield


def state_of(error: BaseException) -> str:
    """Return PostgreSQL's code for an error of Django's, ``""`` for every other error."""
    cause = error.__cause__
    return str(getattr(cause, "sqlstate", None) or getattr(cause, "pgcode", None) or "")


def words_of_lock(error: Exception) -> tuple[str, str] | None:
    """Return message and hint for an error that a lock is to blame for, None for every other one."""
    from django.db import DatabaseError

    if state_of(error) == LOCKED_STATE:
        held = ", ".join(_holders())
        return (
            f"a table is locked by another process, and was waited for: {_first_line(error)}"
            + (f"; held are {held}" if held else ""),
            "Is a migration or an open transaction hanging? SELECT * FROM pg_stat_activity shows it."
            " Try again when it has ended",
        )
    if isinstance(error, DatabaseError) and "database is locked" in str(error):
        return (
            f"the SQLite database is locked by another process, and was waited for: {_first_line(error)}",
            "Another process writes to it for long. Try again when it has ended",
        )
    return None


def _holders() -> Iterator[str]:
    """Yield the tables that are held, each with the process that holds it, as far as the server tells."""
    from django.db import Error, connections

    for alias in connections:
        connection = connections[alias]
        if connection.vendor != "postgresql":
            continue
        try:
            # The connection that failed may be in a transaction that is spoilt.
            connection.close()
            with connection.cursor() as cursor:
                cursor.execute(_HOLDERS.replace("%%", "%"))
                rows = cursor.fetchall()
        except Error:
            continue
        for table, process, program, state, seconds in rows:
            known = [
                word for word in (program, state, f"for {seconds} s" if seconds is not None else "") if word
            ]
            yield f"{table} by process {process}" + (f" ({', '.join(known)})" if known else "")


def _first_line(error: Exception) -> str:
    return (str(error).splitlines() or [""])[0]
