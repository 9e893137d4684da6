"""Connections to PostgreSQL that stay open from scrape to scrape: to open one costs more than to ask."""

import threading
import time
from collections.abc import Callable, Generator
from dataclasses import dataclass
from typing import Any, TypeVar

import psycopg

from storekeeper.databases import DatabaseAddress
from storekeeper.databases.guarded_connection import GuardedConnection, Row
from storekeeper.databases.postgresql import LOCK_SECONDS, keywords, unavailable

Answer = TypeVar("Answer")


class PunctualConnection(GuardedConnection):
    """A connection that is given up when the server is silent longer than ``patience_seconds``."""

    # None while the connection is made, which has a timeout of its own.
    patience_seconds: float | None = None

    def wait(self, gen: Generator[Any, Any, Answer], *arguments: Any, **options: Any) -> Answer:
        """Wait for the server; raises OperationalError, and closes, when it takes too long."""
        if self.patience_seconds is None:
            return super().wait(gen, *arguments, **options)
        until = time.monotonic() + self.patience_seconds
        return super().wait(self._punctual(gen, until), *arguments, **options)

    def _punctual(self, gen: Generator[Any, Any, Answer], until: float) -> Generator[Any, Any, Answer]:
        """Hand on what ``gen`` waits for; we are woken ten times a second even while nothing comes."""
        try:
            wanted = next(gen)
        except StopIteration as end:
            # Nothing had to be waited for.
            done: Answer = end.value
            return done
        while True:
            ready = yield wanted
            if time.monotonic() > until:
                # Its answer may still come; nobody must take it for that of the next question.
                self.pgconn.finish()
                raise psycopg.OperationalError(f"no answer within {self.patience_seconds:g} s")
            try:
                wanted = gen.send(ready)
            except StopIteration as end:
                answer: Answer = end.value
                return answer


@dataclass(frozen=True, kw_only=True)
class _Kept:
    address: DatabaseAddress
    connection: PunctualConnection


class KeptConnections:
    """
    At most one idle connection for each name of a database; any thread may ask at any time.

    A connection that has died is replaced in the same question, one to another address is closed.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._idle: dict[str, _Kept] = {}
        self._closed = False

    def ask(
        self,
        address: DatabaseAddress,
        question: Callable[[psycopg.Connection[Row]], Answer],
        *,
        timeout_seconds: float,
    ) -> Answer:
        """
        Give what ``question`` gives for a connection that only reads and commits by itself.

        It may be called a second time, when the kept connection turns out to be dead. Statements end after
        ``timeout_seconds``. Raises DatabaseUnavailable; the message never holds a password.
        """
        try:
            connection = self._take(address)
            if connection is not None:
                try:
                    return self._ask(address, connection, question)
                except psycopg.Error:
                    if not connection.broken:
                        raise
            connection = PunctualConnection.connect(
                **keywords(address, timeout_seconds=timeout_seconds), autocommit=True
            )
            # The server ends a statement by itself; what is even later will not come.
            connection.patience_seconds = timeout_seconds + 1
            try:
                connection.guard(
                    statement_seconds=timeout_seconds, lock_seconds=LOCK_SECONDS, role=address.role
                )
            except BaseException:
                connection.close()
                raise
            return self._ask(address, connection, question)
        except psycopg.Error as error:
            raise unavailable(address, error) from None

    def close(self) -> None:
        """Close all; what is asked afterwards, or at this moment, keeps nothing."""
        with self._lock:
            self._closed = True
            idle = list(self._idle.values())
            self._idle.clear()
        for kept in idle:
            kept.connection.close()

    def _ask(
        self,
        address: DatabaseAddress,
        connection: PunctualConnection,
        question: Callable[[psycopg.Connection[Row]], Answer],
    ) -> Answer:
        try:
            answer = question(connection)
        except BaseException:
            if not connection.broken:
                connection.close()
            raise
        self._give_back(address, connection)
        return answer

    def _take(self, address: DatabaseAddress) -> PunctualConnection | None:
        with self._lock:
            kept = self._idle.pop(address.name, None)
        if kept is None or kept.address == address:
            return kept.connection if kept else None
        kept.connection.close()
        return None

    def _give_back(self, address: DatabaseAddress, connection: PunctualConnection) -> None:
        with self._lock:
            if not self._closed and not connection.closed and address.name not in self._idle:
                self._idle[address.name] = _Kept(address=address, connection=connection)
                return
        connection.close()
