"""
How many bytes the present attempt of a step has freed, kept where the end of the process leaves it.

The ledger's file is written durably, which is too dear for each removed file. The mark is 24 bytes in a file
of their own, written in place: the system keeps them when the process is killed, not when the machine
loses its power. The ledger reads the mark when the step begins again or its run is given up.
"""

import os
import sqlite3
import struct
from contextlib import suppress
from pathlib import Path
from typing import Final

from storekeeper.files.private import make_private_folder

FOLDER: Final = "progress"
_BINARY: Final = getattr(os, "O_BINARY", 0)
_NUMBERS: Final = struct.Struct("<4sIqq")
_MAGIC: Final = b"SKP1"


class ProgressMark:
    """
    The mark of one step. A folder that cannot be written costs the mark, nothing else.

    An attempt's mark counts for that attempt alone, so that reading it twice counts it once.
    """

    def __init__(self, state: Path, *, run: str, position: int) -> None:
        self.path = state / FOLDER / f"{run}.{position}"
        self._attempt = 0
        self._descriptor: int | None = None

    def begin(self, *, attempt: int) -> None:
        """Take the room that the mark needs and begin at 0."""
        self.end()
        self._attempt = attempt
        with suppress(OSError):
            make_private_folder(self.path.parent)
            self._descriptor = os.open(self.path, os.O_WRONLY | os.O_CREAT | _BINARY, 0o600)
        self.write(0)

    def write(self, freed_bytes: int) -> None:
        """Keep what the attempt freed so far."""
        if self._descriptor is None:
            return
        numbers = _NUMBERS.pack(_MAGIC, self._attempt, freed_bytes, ~freed_bytes)
        try:
            os.lseek(self._descriptor, 0, os.SEEK_SET)
            os.write(self._descriptor, numbers)
        except OSError:
            self._close()

    def read(self, *, attempt: int) -> int | None:
        """Give what that attempt freed; None where no such mark is, or not a whole one."""
        try:
            magic, marked, freed_bytes, check = _NUMBERS.unpack(self.path.read_bytes())
        except (OSError, struct.error):
            return None
        whole = (magic, marked, check) == (_MAGIC, attempt, ~freed_bytes)
        return int(freed_bytes) if whole else None

    def end(self, *, keep: bool = False) -> None:
        """Write no more, and remove the mark, unless it is to be kept since the ledger lacks the figure."""
        self._close()
        if not keep:
            with suppress(OSError):
                self.path.unlink(missing_ok=True)

    def _close(self) -> None:
        if self._descriptor is not None:
            with suppress(OSError):
                os.close(self._descriptor)
            self._descriptor = None


def settle(connection: sqlite3.Connection, *, state: Path, run: str) -> None:
    """Count what the attempt of the run's step at work had freed when it last told its mark."""
    for row in connection.execute(
        "SELECT position, attempts FROM steps WHERE run = ? AND state = 'running'", (run,)
    ).fetchall():
        mark = ProgressMark(state, run=run, position=row["position"])
        freed_bytes = mark.read(attempt=row["attempts"])
        if freed_bytes is not None:
            connection.execute(
                "UPDATE steps SET freed_bytes = max(freed_bytes, carried_bytes + ?)"
                " WHERE run = ? AND position = ?",
                (freed_bytes, run, row["position"]),
            )
