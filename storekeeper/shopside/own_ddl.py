"""The tables of an SQLite database, made by the statements that made them in the shop's own."""

from __future__ import annotations

import contextlib
from typing import Any, Sequence


def make_tables(connection: Any, statements: Sequence[Sequence[str]], *, tables: Sequence[str]) -> bool:
    """
    Make tables and indexes in an empty database; return whether all of ``tables`` are there.

    ``statements`` have kind, name and text. Triggers and views are not made: rows are loaded as they were,
    and nothing happens. What cannot be made, such as a table of a module that is not installed here, matters
    only where rows belong into it.
    """
    from django.db import Error

    if connection.vendor != "sqlite":
        return False
    with connection.cursor() as cursor:
        for wanted in ("table", "index"):
            for kind, name, text in statements:
                if kind == wanted and not name.startswith("sqlite_"):
                    # Without parameters, so that a percent sign stays one.
                    with contextlib.suppress(Error):
                        cursor.execute(text)
        cursor.execute("SELECT name FROM sqlite_master WHERE type = 'table'")
        made = {row[0] for row in cursor.fetchall()}
        if made.issuperset(tables):
            return True
        for name in made:
            if not name.startswith("sqlite_"):
                with contextlib.suppress(Error):
                    cursor.execute(f"DROP TABLE {connection.ops.quote_name(name)}")
    return False
