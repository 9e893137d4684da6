"""
A connection to PostgreSQL without state in its session: each guard lives and ends with a transaction.

Between us and the server may stand a pooler that gives each transaction another server process, and those
processes to the shop. It refuses or drops what a client says at its start, and a setting of the session would
reach the shop. So every statement runs in a transaction that begins with the guards.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import psycopg
from psycopg import sql
from psycopg.pq import TransactionStatus

Row = tuple[Any, ...]

# Asked behind the guards, in the same transaction.
_CHECK = """
    SELECT pg_backend_pid(), current_setting('transaction_read_only') = 'on',
           (SELECT setting::bigint FROM pg_settings WHERE name = 'statement_timeout'),
           (SELECT setting::bigint FROM pg_settings WHERE name = 'lock_timeout')
"""


class GuardedConnection(psycopg.Connection[Row]):
    """
    A connection in autocommit mode whose transactions only read, wait for locks and end in time.

    ``guard`` must be called once, before anything else.
    """

    # The connection is made before the guards are known.
    _guards: sql.Composed | None = None
    behind_pooler = False
    """Whether the server process that answers is another one than the one that greeted us."""

    def guard(self, *, statement_seconds: float, lock_seconds: float, role: str = "") -> None:
        """Set the guards and check that they hold; raises psycopg.Error."""
        self.read_only = True
        # A pooler may give each statement another server process.
        self.prepare_threshold = None
        statement, lock = int(statement_seconds * 1000), int(lock_seconds * 1000)
        guards = sql.SQL("SET LOCAL statement_timeout = {}; SET LOCAL lock_timeout = {}").format(
            sql.Literal(statement), sql.Literal(lock)
        )
        if role:
            guards += sql.SQL("; SET LOCAL ROLE {}").format(sql.Identifier(role))
        self._guards = guards
        row = self.execute(_CHECK).fetchone()
        assert row is not None, "a query without a table gives one row"
        if row[1:] != (True, statement, lock):
            raise psycopg.OperationalError("the limits of time and locks do not hold on this connection")
        self.behind_pooler = row[0] != self.info.backend_pid

    def execute(self, *arguments: Any, **options: Any) -> "psycopg.Cursor[Row]":
        """Run a statement, in a transaction of its own where none is open."""
        if self.info.transaction_status is not TransactionStatus.IDLE:
            return super().execute(*arguments, **options)
        with self.transaction():
            return super().execute(*arguments, **options)

    @contextmanager
    def transaction(self, *arguments: Any, **options: Any) -> Iterator[psycopg.Transaction]:
        """Open a transaction with the guards, or a savepoint in the one that is open."""
        outer = self.info.transaction_status is TransactionStatus.IDLE
        with super().transaction(*arguments, **options) as transaction:
            if outer and self._guards is not None:
                super().execute(self._guards)
            yield transaction
