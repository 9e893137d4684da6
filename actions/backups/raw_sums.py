"""Take the raw sums of a database: in a process of their own, at the moment that the shop's Django reads."""

import json
import os
import sys
import time
from collections.abc import Callable, Collection
from contextlib import AbstractContextManager, suppress
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self

from actions.backups.reading import Reading
from storekeeper import processes
from storekeeper.backups import RawSums
from storekeeper.databases import DatabaseAddress, Engine
from storekeeper.databases.postgresql import keywords
from storekeeper.errors import DatabaseUnavailable, ProcessFailed
from storekeeper.shopside.frames import read_frame, write_message

# A writer that commits every few milliseconds leaves a gap that is long enough before this many tries.
_TRIES: Final = 50
_PAUSE_SECONDS: Final = 0.02


class SumsUnavailable(DatabaseUnavailable):
    """The raw sums could not be taken."""


class RawSumsProcess(AbstractContextManager["RawSumsProcess"]):
    """
    A process that takes raw sums while ours and the shop's are at work.

    It is this very program; the password goes to it over a pipe. Each method raises SumsUnavailable where it
    cannot do its work.
    """

    def __init__(self, address: DatabaseAddress) -> None:
        self.address = address
        ours = str(Path(__file__).resolve().parents[2])
        inherited = os.environ.get("PYTHONPATH")
        self._process = processes.start(
            [sys.executable, "-P", "-m", "actions.backups.raw"],
            piped=True,
            environment={"PYTHONPATH": os.pathsep.join([ours, inherited] if inherited else [ours])},
            own_group=True,
        )
        if self._process.stdin is None or self._process.stdout is None:
            raise ProcessFailed("the process for raw sums has no pipes")
        self._questions, self._answers = self._process.stdin, self._process.stdout
        self._waiting = 0
        self._send({"load": address.engine.value})

    def __exit__(
        self,
        error_type: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        with suppress(OSError):
            self._questions.close()
        if self._waiting:
            self._process.kill()
        processes.stop(self._process)
        self._answers.close()

    def __enter__(self) -> Self:
        return self

    def enter(self, *, snapshot: str = "", path: Path | None = None) -> None:
        """
        Enter a moment: that which a session of PostgreSQL exported, or the present one.

        ``path`` is the copy of an SQLite database that is read in the place of the database itself.
        """
        if self.address.engine is Engine.SQLITE:
            self._ask({"sqlite": str(path or self.address.path)})
        else:
            # Within one transaction, so that a pooler in between gives us one session.
            self._ask(
                {
                    "postgresql": keywords(self.address, timeout_seconds=10),
                    "role": self.address.role,
                    "snapshot": snapshot,
                }
            )

    def enter_with(self, enter: Callable[[], object]) -> None:
        """Enter, in a live SQLite database, the moment that ``enter`` lets somebody else enter."""
        path = str(self.address.path)
        for _ in range(_TRIES):
            before = self._ask({"version": path})
            enter()
            self.enter()
            if self._ask({"version": path}) == before:
                return
            self._ask({"leave": True})
            time.sleep(_PAUSE_SECONDS)
        raise SumsUnavailable(f"database {self.address.name} changes all the time")

    def begin(self) -> None:
        """Begin to take the sums; ``sums`` waits for them."""
        self._send({"sums": True})

    def sums(self) -> RawSums:
        """Return the sums that were begun."""
        return RawSums.model_validate(self._next())

    def keys(self, table: str, *, numbers: Collection[int]) -> dict[int, str]:
        """Return the keys, as a person writes them, of the rows that have these numbers."""
        return dict(self._ask({"keys": table, "numbers": sorted(numbers)})["keys"])

    def _ask(self, question: dict[str, Any]) -> Any:
        self._send(question)
        return self._next()

    def _send(self, question: dict[str, Any]) -> None:
        try:
            write_message(self._questions, question)
        except OSError:
            raise self._silence() from None
        self._waiting += 1

    def _next(self) -> Any:
        """Return the answer to the last question."""
        answer: Any = None
        while self._waiting:
            frame = read_frame(self._answers)
            if frame is None:
                raise self._silence()
            self._waiting -= 1
            answer = json.loads(frame[1])
            if "error" in answer:
                words = answer["error"].replace(self.address.parameters.get("password") or "\0", "…")
                raise SumsUnavailable(f"database {self.address.name} ({self.address.label}): {words}")
        return answer

    def _silence(self) -> SumsUnavailable:
        self._waiting = 0
        return SumsUnavailable("the process for raw sums has ended early")


def enter_moment(
    process: RawSumsProcess, reading: Reading, *, alias: str, lock_timeout_seconds: float
) -> str:
    """
    Let the shop's Django and the process enter one moment of the database; return its name in PostgreSQL.

    Raises SumsUnavailable where they cannot, and another StorekeeperError where the shop's Django cannot.
    """

    def open_snapshot() -> str:
        answer = reading.conversation.ask(
            "open_snapshot", database=alias, lock_timeout_seconds=lock_timeout_seconds
        )
        return str(answer["exported"])

    if reading.path is not None and not reading.live:
        process.enter(path=reading.path)
    elif reading.path is not None:
        process.enter_with(open_snapshot)
    elif snapshot := open_snapshot():
        process.enter(snapshot=snapshot)
        return snapshot
    else:
        raise SumsUnavailable("the server exports no snapshot of its rows")
    return ""
