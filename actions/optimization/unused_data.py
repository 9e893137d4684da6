"""
What a database carries without need, for a person to look at; nothing here is ever removed by itself.

Expired sessions (``manage.py clearsessions`` removes them), indexes that no query has used, and rows whose
parent row is missing.
"""

import sqlite3
from dataclasses import dataclass
from typing import Any, Final

import psycopg

from storekeeper.databases import DatabaseAddress, Engine, connect_postgresql, connect_sqlite
from storekeeper.units import format_size

# A look at the rows of a large shop takes longer than a scrape may.
_TIMEOUT_SECONDS: Final = 120.0
_MOST_LISTED: Final = 50
_MOST_COUNTED: Final = 100_000

_SQLITE_SESSIONS: Final = "SELECT count(*) FROM django_session WHERE expire_date < datetime('now')"
_POSTGRESQL_SESSIONS: Final = "SELECT count(*) FROM django_session WHERE expire_date < now()"

_UNUSED_INDEXES: Final = """
SELECT format('%%I.%%I', s.schemaname, s.indexrelname), pg_relation_size(s.indexrelid)
FROM pg_stat_user_indexes s
JOIN pg_index i ON i.indexrelid = s.indexrelid
WHERE s.idx_scan = 0 AND NOT i.indisunique AND i.indisvalid
  AND NOT EXISTS (SELECT FROM pg_constraint c WHERE c.conindid = s.indexrelid)
ORDER BY 2 DESC, 1
LIMIT %s
"""


@dataclass(frozen=True, kw_only=True)
class Unused:
    """One thing that nobody seems to need: a sentence, and a name or a number for a script."""

    kind: str
    subject: str
    amount: int
    text: str

    def as_json(self) -> dict[str, Any]:
        """Give it for a script."""
        return {"kind": self.kind, "subject": self.subject, "amount": self.amount, "text": self.text}


def find_unused(address: DatabaseAddress) -> list[Unused]:
    """Look, change nothing; raises DatabaseUnavailable."""
    if address.engine is Engine.SQLITE:
        with connect_sqlite(address, timeout_seconds=_TIMEOUT_SECONDS) as connection:
            return _in_sqlite(connection)
    with connect_postgresql(address, timeout_seconds=_TIMEOUT_SECONDS) as connection:
        return _in_postgresql(connection)


def _in_sqlite(connection: sqlite3.Connection) -> list[Unused]:
    found = []
    tables = {name for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
    if "django_session" in tables:
        found += _sessions(connection.execute(_SQLITE_SESSIONS).fetchone()[0])
    dangling: dict[tuple[str, str], int] = {}
    for number, (table, _, parent, _) in enumerate(connection.execute("PRAGMA foreign_key_check")):
        if number == _MOST_COUNTED:
            break
        dangling[table, parent] = dangling.get((table, parent), 0) + 1
    return found + [
        Unused(
            kind="rows_without_parent",
            subject=table,
            amount=count,
            text=f"{count} rows of {table} name a row of {parent} that is not there",
        )
        for (table, parent), count in sorted(dangling.items())
    ]


def _in_postgresql(connection: "psycopg.Connection[tuple[Any, ...]]") -> list[Unused]:
    found = []
    row = connection.execute("SELECT to_regclass('django_session') IS NOT NULL").fetchone()
    if row and row[0]:
        count = connection.execute(_POSTGRESQL_SESSIONS).fetchone()
        found += _sessions(count[0] if count else 0)
    return found + [
        Unused(
            kind="unused_index",
            subject=name,
            amount=size,
            text=f"index {name} ({format_size(size)}) was not used since the statistics began",
        )
        for name, size in connection.execute(_UNUSED_INDEXES, (_MOST_LISTED,))
    ]


def _sessions(count: int) -> list[Unused]:
    if not count:
        return []
    text = f"{count} sessions have expired; manage.py clearsessions removes them"
    return [Unused(kind="expired_sessions", subject="django_session", amount=count, text=text)]
