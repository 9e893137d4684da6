"""
The engine's file, ``dbos.sqlite3`` in the state folder: opened for DBOS, checked, set aside when damaged.

Nothing is lost with it. What has to be done stands in the ledger, and a new file is filled from there.
"""

import datetime as dt
import logging
import sqlite3
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from actions.ledger.file import create_private
from storekeeper.errors import ConfigurationError
from storekeeper.files.private import make_private_folder

if TYPE_CHECKING:
    from sqlalchemy import Engine

logger = logging.getLogger(__name__)

FILE_NAME: Final = "dbos.sqlite3"
BUSY_SECONDS: Final = 10.0
CHECK_SECONDS: Final = 60.0
# STRICT tables, in which the ledger keeps what it holds.
OLDEST_SQLITE: Final = (3, 37)
_PROBE_SECONDS: Final = 1.0
_KEPT: Final = 2
_HEADER: Final = b"SQLite format 3\x00"
_BESIDE: Final = ("-wal", "-shm")
# What passes by itself: no right, busy, locked, no memory, read-only, interrupted, I/O, full, cannot open.
_PASSING: Final = frozenset({3, 5, 6, 7, 8, 9, 10, 13, 14, 23})


def require_sqlite() -> None:
    """Raise ConfigurationError where this Python's SQLite is too old for the receiver."""
    if sqlite3.sqlite_version_info < OLDEST_SQLITE:
        raise ConfigurationError(
            f"the SQLite of this Python is {sqlite3.sqlite_version}, too old for the receiver",
            hint=f"Run storekeeper with a Python whose sqlite3.sqlite_version is"
            f" {'.'.join(map(str, OLDEST_SQLITE))} or newer",
        )


def is_damage(error: BaseException) -> bool:
    """Return whether an error says that the file is not what it must be, not that it cannot be used now."""
    cause = getattr(error, "orig", None) or error
    if not isinstance(cause, sqlite3.DatabaseError):
        return False
    # An error without a code is one of Python's own module, about a call that cannot be right.
    code = getattr(cause, "sqlite_errorcode", 1)
    return (code & 0xFF) not in _PASSING


class EngineFile:
    """The file of one engine. Used by one thread, but for ``problem``."""

    def __init__(self, folder: Path, *, clock: Callable[[], float] = time.monotonic) -> None:
        self.path = folder / FILE_NAME
        self._clock = clock
        self._identity: tuple[int, int] | None = None
        self._next_check = 0.0

    def open(self) -> "Engine":
        """
        Return DBOS' way into the file, which is made for its owner alone where there is none.

        One that is damaged is set aside first. Raises sqlite3.Error and OSError for what may pass.
        """
        make_private_folder(self.path.parent)
        if self.path.exists() and (damage := self._damage(thorough=True)):
            self.set_aside(damage)
        create_private(self.path)
        with closing(sqlite3.connect(self.path)) as connection:
            # DBOS would leave both to chance.
            connection.execute("PRAGMA journal_mode = WAL")
        found = self.path.stat()
        self._identity = (found.st_dev, found.st_ino)
        self._next_check = self._clock() + CHECK_SECONDS
        return _make_engine(self.path)

    def damage(self) -> str:
        """Return why the open file is no longer the engine's, ``""`` while it is; raises sqlite3.Error."""
        try:
            found = self.path.stat()
        except FileNotFoundError:
            return "it is gone"
        if (found.st_dev, found.st_ino) != self._identity:
            return "another file has its name"
        thorough = self._clock() >= self._next_check
        if thorough:
            self._next_check = self._clock() + CHECK_SECONDS
        return self._damage(thorough=thorough)

    def problem(self) -> str:
        """Return why nothing can be written to the file now, ``""`` where it can; safe for any thread."""
        try:
            if not self.path.exists():
                return f"the engine's file {self.path} is gone"
            with closing(sqlite3.connect(self.path, timeout=_PROBE_SECONDS, isolation_level=None)) as file:
                file.execute("BEGIN IMMEDIATE")
                file.execute("SELECT count(*) FROM workflow_status WHERE status = 'PENDING'")
                file.execute("ROLLBACK")
        except (sqlite3.Error, OSError) as error:
            return f"the engine's file {self.path} cannot be used: {error}"
        return ""

    def set_aside(self, why: str) -> None:
        """Move the file out of the way, with what belongs to it; the newest few that were moved stay."""
        stamp = dt.datetime.now(dt.UTC).strftime("%Y%m%d-%H%M%S-%f")
        aside = self.path.with_name(f"{FILE_NAME}.damaged-{stamp}")
        for ending in ("", *_BESIDE):
            part = self.path.with_name(FILE_NAME + ending)
            if part.exists():
                part.rename(aside.with_name(aside.name + ending))
        logger.error("%s: %s; set aside as %s, runs go on from the ledger", self.path, why, aside.name)
        moved = sorted(self.path.parent.glob(f"{FILE_NAME}.damaged-*"), reverse=True)
        mains = [one for one in moved if not one.name.endswith(_BESIDE)]
        for old in mains[_KEPT:]:
            for ending in ("", *_BESIDE):
                old.with_name(old.name + ending).unlink(missing_ok=True)

    def _damage(self, *, thorough: bool) -> str:
        with self.path.open("rb") as file:
            header = file.read(len(_HEADER))
        if header and header != _HEADER:
            return "it is no SQLite file"
        if not thorough:
            return ""
        try:
            with closing(sqlite3.connect(self.path, timeout=BUSY_SECONDS)) as connection:
                answer = str(connection.execute("PRAGMA quick_check(1)").fetchone()[0])
                return _version_problem(connection) if answer == "ok" else f"damaged: {answer}"
        except sqlite3.DatabaseError as error:
            if is_damage(error):
                return f"damaged: {error}"
            raise


def _version_problem(connection: sqlite3.Connection) -> str:
    """Return what is wrong with the version that DBOS has noted, ``""`` where there is nothing."""
    from dbos._migration import sqlite_migrations

    tables = {row[0] for row in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
    if not tables:
        return ""
    if "dbos_migrations" not in tables:
        return "its tables are not the engine's"
    row = connection.execute("SELECT version FROM dbos_migrations").fetchone()
    version = row[0] if row else 0
    if not isinstance(version, int) or not 0 <= version <= len(sqlite_migrations):
        return f"its version is {version}, this engine's is {len(sqlite_migrations)}"
    return "" if "workflow_status" in tables or version == 0 else "its tables are missing"


def _make_engine(path: Path) -> "Engine":
    import sqlalchemy as sa

    engine = sa.create_engine(f"sqlite:///{path}")

    @sa.event.listens_for(engine, "connect")
    def prepare(connection: Any, _record: Any) -> None:
        connection.isolation_level = "IMMEDIATE"
        connection.execute(f"PRAGMA busy_timeout = {round(BUSY_SECONDS * 1000)}")
        connection.execute("PRAGMA foreign_keys = ON")
        # A power cut may cost the last moments, which the ledger has: the disk's time is the alerts'.
        connection.execute("PRAGMA synchronous = NORMAL")
        _give_subseconds(connection)

    return engine


def _give_subseconds(connection: sqlite3.Connection) -> None:
    """
    Give the connection ``unixepoch('subsec')``, DBOS' clock, where SQLite lacks it (before 3.42).

    Without it each row of DBOS has no time, and none can be written.
    """
    try:
        known = connection.execute("SELECT unixepoch('subsec')").fetchone()[0] is not None
    except sqlite3.OperationalError:
        known = False
    if not known:
        connection.create_function("unixepoch", -1, _unixepoch)


def _unixepoch(*modifiers: str) -> float:
    if modifiers not in (("subsec",), ("now", "subsec")):
        raise ValueError(f"unixepoch{modifiers} is not known here")
    return round(time.time(), 3)
