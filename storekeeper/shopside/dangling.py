"""Rows of SQLite that refer to rows which are not there: it lets them be, and so does a restore."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

_MOST = 10_000
_NAMED = 3


def dangling(connection: Any) -> dict[str, dict[str, Any]]:
    """Return for each ``table.column`` how many values refer to nothing, and the first rows' numbers."""
    from django.db import Error

    found: dict[str, dict[str, Any]] = {}
    if connection.vendor != "sqlite":
        return found
    with connection.cursor() as cursor:
        try:
            cursor.execute("PRAGMA foreign_key_check")
            rows = cursor.fetchmany(_MOST)
        except Error:
            # A table that is referred to is not there at all.
            return found
        columns: dict[tuple[str, int], str] = {}
        for table, row, _, number in rows:
            if (table, number) not in columns:
                cursor.execute(f"PRAGMA foreign_key_list({connection.ops.quote_name(table)})")
                columns.update(((table, one[0]), one[3]) for one in cursor.fetchall())
            lost = found.setdefault(f"{table}.{columns[table, number]}", {"rows": 0, "keys": []})
            lost["rows"] += 1
            if len(lost["keys"]) < _NAMED:
                lost["keys"].append(str(row))
    return found


@contextmanager
def let_dangle(connection: Any) -> Iterator[None]:
    """
    Let SQLite take rows in any order, and such that refer to nothing or break a CHECK, as before.

    Around a transaction, since SQLite hears of it outside of one alone. PostgreSQL checks at the end of it,
    not when loaddata asks: a key of which a line has no more than a stand-in is put in its place later.
    """
    connection.check_constraints = lambda table_names=None: None
    if connection.vendor != "sqlite":
        try:
            yield
        finally:
            del connection.check_constraints
        return
    connection.disable_constraint_checking()
    _ignore_checks(connection, "ON")
    # loaddata would refuse the file for one such row; that all is as it was is compared in another way.
    connection.disable_constraint_checking = lambda: False
    try:
        yield
    finally:
        del connection.check_constraints, connection.disable_constraint_checking
        _ignore_checks(connection, "OFF")
        connection.enable_constraint_checking()


def check_now(connection: Any) -> None:
    """Let PostgreSQL check what rows refer to, which ``let_dangle`` puts off."""
    if connection.vendor != "sqlite":
        type(connection).check_constraints(connection)


def _ignore_checks(connection: Any, switch: str) -> None:
    """What breaks a CHECK of today was in the table all the same."""
    with connection.cursor() as cursor:
        cursor.execute(f"PRAGMA ignore_check_constraints = {switch}")
