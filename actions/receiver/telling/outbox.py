"""The outbox of the ledger: which ends of runs are still to be told where, and what was counted of it."""

import enum
import sqlite3
from dataclasses import dataclass
from typing import Final

from actions.ledger.file import LedgerFile
from actions.ledger.schema import Target
from actions.receiver.intake import add_to_counter

NOTIFICATIONS: Final = "notifications"
SILENCE: Final = "silence"
"""What the counter calls the silences, which have no place in the outbox."""

PAUSES_SECONDS: Final = (2.0, 15.0, 45.0, 120.0, 300.0, 900.0, 1800.0, 1800.0, 1800.0, 1800.0, 1800.0)
MOST_ATTEMPTS: Final = len(PAUSES_SECONDS) + 1
MOST_AT_ONCE: Final = 50


class Told(enum.StrEnum):
    """What came of an attempt to tell."""

    SENT = "sent"
    RETRIED = "retried"
    GIVEN_UP = "given_up"


@dataclass(frozen=True, kw_only=True)
class Entry:
    """One end of a run that is due to be told at one place; ``attempts`` were made before."""

    run: str
    target: Target
    attempts: int


class Outbox:
    """Every method is one short transaction; LedgerUnavailable when the file cannot be used."""

    def __init__(self, file: LedgerFile) -> None:
        self._file = file

    def due(self, *, now: float) -> list[Entry]:
        """Give what is due, what has waited longest first."""
        with self._file.read() as connection:
            rows = connection.execute(
                "SELECT * FROM outbox WHERE next_attempt <= ? ORDER BY next_attempt, run LIMIT ?",
                (now, MOST_AT_ONCE),
            ).fetchall()
        return [Entry(run=row["run"], target=Target(row["target"]), attempts=row["attempts"]) for row in rows]

    def begin(self, entry: Entry, *, now: float) -> None:
        """Note an attempt before it is made, so that even a crash within it brings no endless row."""
        pause = PAUSES_SECONDS[min(entry.attempts, len(PAUSES_SECONDS) - 1)]
        with self._file.write() as connection:
            connection.execute(
                "UPDATE outbox SET attempts = attempts + 1, next_attempt = ? WHERE run = ? AND target = ?",
                (now + pause, entry.run, entry.target),
            )

    def failed(self, entry: Entry) -> None:
        """Count an attempt that failed and is made again later."""
        self.count(entry.target, Told.RETRIED)

    def close(self, entry: Entry, told: Told) -> None:
        """Count the last attempt and forget the entry, in one."""
        with self._file.write() as connection:
            _forget(connection, entry)
            _count(connection, entry.target, told)

    def drop(self, entry: Entry) -> None:
        """Forget an entry about which there is nothing to tell, or nobody to tell it to."""
        with self._file.write() as connection:
            _forget(connection, entry)

    def count(self, target: str, told: Told) -> None:
        """Count what is told without an entry."""
        with self._file.write() as connection:
            _count(connection, target, told)


def counter_label(target: str, told: Told) -> str:
    """Give the name under which the ledger counts."""
    return f"{target}/{told}"


def _forget(connection: sqlite3.Connection, entry: Entry) -> None:
    connection.execute("DELETE FROM outbox WHERE run = ? AND target = ?", (entry.run, entry.target))


def _count(connection: sqlite3.Connection, target: str, told: Told) -> None:
    add_to_counter(connection, NOTIFICATIONS, label=counter_label(target, told))
