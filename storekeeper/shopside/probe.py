"""What a database would hold if it were given a value: asked of the database, not guessed."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from .stored import Undecodable

_IMPOSSIBLE = object()
# Parameters of one statement.
_AT_ONCE = 100
_POSTGRESQL_TYPES = """
SELECT attname, pg_catalog.format_type(atttypid, atttypmod) FROM pg_catalog.pg_attribute
WHERE attrelid = to_regclass(%s) AND attnum > 0 AND NOT attisdropped
"""


def probe_of(connection: Any, *, table: str) -> Any:
    """Return the probe for one table of a connection that may be reading in a snapshot."""
    return (_SQLite if connection.vendor == "sqlite" else _PostgreSQL)(connection, table)


class _SQLite:
    """A table in memory whose only column has the declared type: its affinity changes what is put in."""

    def __init__(self, connection: Any, table: str) -> None:
        with connection.cursor() as cursor:
            cursor.execute(f"PRAGMA table_info({connection.ops.quote_name(table)})")
            self._types = {row[1]: row[2] or "" for row in cursor.fetchall()}
        self._memory = connection.Database.connect(":memory:", isolation_level=None)
        self._made: dict[str, str] = {}

    def same(self, column: str, prepared: Sequence[Any], stored: Sequence[Any]) -> list[bool | None]:
        """Return for each prepared value whether it would be stored as what is stored; None if not at all."""
        name = self._made.get(column)
        if name is None:
            name = self._made[column] = f"t{len(self._made)}"
            self._memory.execute(f"CREATE TABLE {name} (c {self._types.get(column, '')})")
        return [self._one(name, *pair) for pair in zip(prepared, stored)]

    def _one(self, table: str, prepared: Any, stored: Any) -> bool | None:
        try:
            self._memory.execute(f"DELETE FROM {table}")
            self._memory.execute(f"INSERT INTO {table} VALUES (?)", (prepared,))
            (found,) = self._memory.execute(f"SELECT c FROM {table}").fetchone()
        except Exception:  # noqa: BLE001 - whatever keeps it from being stored
            return None
        if isinstance(stored, Undecodable):
            return False
        return type(found) is type(stored) and (found == stored or repr(found) == repr(stored))


class _PostgreSQL:
    """The server casts a value to the column's type and gives its text."""

    def __init__(self, connection: Any, table: str) -> None:
        self._connection = connection
        with connection.cursor() as cursor:
            cursor.execute(_POSTGRESQL_TYPES, [connection.ops.quote_name(table)])
            self._types = dict(cursor.fetchall())

    def same(self, column: str, prepared: Sequence[Any], stored: Sequence[Any]) -> list[bool | None]:
        """Return for each prepared value whether it would be stored as what is stored; None if not at all."""
        found: list[bool | None] = []
        for start in range(0, len(prepared), _AT_ONCE):
            some = prepared[start : start + _AT_ONCE]
            texts = self._texts(self._types[column], some)
            found += [
                None if text is _IMPOSSIBLE else text == one
                for text, one in zip(texts, stored[start : start + _AT_ONCE])
            ]
        return found

    def _texts(self, kind: str, prepared: Sequence[Any]) -> list[Any]:
        if all(one is None for one in prepared):
            return [None] * len(prepared)
        asked = ", ".join([f"CAST(%s AS {kind.replace('%', '%%')})::text"] * len(prepared))
        with self._connection.cursor() as cursor:
            cursor.execute("SAVEPOINT storekeeper_probe")
            try:
                cursor.execute(f"SELECT {asked}", list(prepared))
                found: list[Any] = list(cursor.fetchone())
            except Exception:  # noqa: BLE001 - of many one is to blame, and that one is no text of this type
                cursor.execute("ROLLBACK TO SAVEPOINT storekeeper_probe")
                found = [_IMPOSSIBLE] if len(prepared) == 1 else []
            cursor.execute("RELEASE SAVEPOINT storekeeper_probe")
        return found or [text for one in prepared for text in self._texts(kind, [one])]
