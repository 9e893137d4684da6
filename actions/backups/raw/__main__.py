"""
The process that takes raw sums beside the shop's dump: ``python -m actions.backups.raw``.

It hears messages over standard input and answers each with one, as frames. ``{"sqlite": PATH}`` or
``{"postgresql": KEYWORDS, "role": ROLE, "snapshot": ID}`` enters a moment, ``{"leave": true}`` leaves it, and
``{"sums": true}`` takes the raw sums in it. ``{"keys": TABLE, "numbers": […]}`` answers with number and key
of those rows. ``{"version": PATH}`` answers with a number that differs after
somebody has committed to an SQLite database. ``{"load": ENGINE}`` loads what the engine needs. Without a
snapshot's ID PostgreSQL's moment is one of its own.
"""

import sqlite3
import sys
from pathlib import Path
from typing import Any

from storekeeper.shopside.frames import read_frame, write_message


def main() -> None:
    """Answer until the pipe is closed."""
    import json

    questions, answers = sys.stdin.buffer, sys.stdout.buffer
    taker = _Taker()
    while frame := read_frame(questions):
        try:
            answer = taker.answer(json.loads(frame[1]))
        except Exception as error:  # noqa: BLE001 - the edge: the parent raises it
            answer = {"error": f"{type(error).__name__}: {error}"}
        write_message(answers, answer)
    taker.close()


class _Taker:
    def __init__(self) -> None:
        self._connection: Any = None
        self._watcher: Any = None
        self._engine = ""

    def answer(self, question: dict[str, Any]) -> dict[str, Any]:
        if "load" in question:
            # While the shop's Django starts there is time for it.
            if question["load"] == "postgresql":
                import psycopg  # noqa: F401
            return {"loaded": question["load"]}
        if "sqlite" in question:
            return self._enter_sqlite(question["sqlite"])
        if "postgresql" in question:
            return self._enter_postgresql(**question)
        if "version" in question:
            return {"version": self._version(question["version"])}
        if "leave" in question:
            self._connection.execute("ROLLBACK")
            return {"left": True}
        if "keys" in question:
            return {"keys": self._keys(question["keys"], numbers=frozenset(question["numbers"]))}
        return self._sums()

    def _keys(self, table: str, *, numbers: frozenset[int]) -> list[tuple[int, str]]:
        if self._engine == "sqlite":
            from actions.backups.raw.sqlite import keys_of

            return list(keys_of(self._connection, table, numbers=numbers))
        from actions.backups.raw.postgresql import keys_of as keys_of_server

        return list(keys_of_server(self._connection, table, numbers=numbers))

    def _version(self, path: str) -> int:
        if self._watcher is None:
            self._watcher = _reader(path)
        return int(self._watcher.execute("PRAGMA data_version").fetchone()[0])

    def _enter_sqlite(self, path: str) -> dict[str, Any]:
        self._engine = "sqlite"
        if self._connection is None:
            self._connection = _reader(path)
        self._connection.execute("BEGIN")
        self._connection.execute("SELECT count(*) FROM sqlite_master").fetchone()
        return {"entered": True}

    def _enter_postgresql(self, *, postgresql: dict[str, Any], role: str, snapshot: str) -> dict[str, Any]:
        import psycopg

        from actions.backups.raw.postgresql import enter_snapshot

        self._engine = "postgresql"
        if self._connection is None:
            self._connection = psycopg.connect(**postgresql, autocommit=True, prepare_threshold=None)
        enter_snapshot(self._connection, snapshot=snapshot, role=role)
        return {"entered": True}

    def _sums(self) -> dict[str, Any]:
        if self._engine == "sqlite":
            from actions.backups.raw.sqlite import sqlite_sums

            return sqlite_sums(self._connection)
        from actions.backups.raw.postgresql import postgresql_sums

        return postgresql_sums(self._connection)

    def close(self) -> None:
        for connection in (self._connection, self._watcher):
            if connection is not None:
                connection.close()


def _reader(path: str) -> sqlite3.Connection:
    uri = f"{Path(path).absolute().as_uri()}?mode=ro"
    connection = sqlite3.connect(uri, uri=True, timeout=30, isolation_level=None)
    connection.execute("PRAGMA query_only = ON")
    return connection


if __name__ == "__main__":
    main()
