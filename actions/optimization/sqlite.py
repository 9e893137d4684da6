"""Give SQLite's free pages back to the disk and refresh what its query planner knows."""

import os
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Final

from storekeeper.databases import DatabaseAddress
from storekeeper.databases.maintenance import maintain_sqlite
from storekeeper.errors import NotEnoughSpace, StorekeeperError
from storekeeper.units import format_size

# VACUUM writes a new copy, and keeps the old pages until it has been put in place.
COPIES: Final = 2
# Where SQLite puts the new copy, in its own order.
_TEMPORARY: Final = ("SQLITE_TMPDIR", "TMPDIR")
_TEMPORARY_FOLDERS: Final = ("/var/tmp", "/usr/tmp", "/tmp")  # noqa: S108 - only their free space is read
_ANALYSIS_ROWS: Final = 1000


def sqlite_bytes(path: Path) -> int:
    """Give the size of a database file with its write-ahead log."""
    names = (path, path.with_name(path.name + "-wal"))
    return sum(name.stat().st_size for name in names if name.exists())


def require_room(path: Path, *, free: Callable[[Path], int]) -> None:
    """Raise NotEnoughSpace unless twice the database fits beside it, and once where SQLite's copy goes."""
    size = sqlite_bytes(path)
    require(path.parent, needed_bytes=COPIES * size, purpose=f"VACUUM of {path.name}", free=free)
    temporary = _temporary_folder()
    if temporary.stat().st_dev != path.parent.stat().st_dev:
        require(temporary, needed_bytes=size, purpose=f"the copy of {path.name}", free=free)


def require(folder: Path, *, needed_bytes: int, purpose: str, free: Callable[[Path], int]) -> None:
    """Raise NotEnoughSpace unless ``free`` says that so much fits below the folder."""
    if free(folder) < needed_bytes:
        raise NotEnoughSpace(
            f"{purpose} needs {format_size(needed_bytes)} below {folder},"
            f" where {format_size(free(folder))} are free",
            hint="Nothing was changed. Optimizing is for when there is room: clean up first",
        )


def optimize_sqlite(address: DatabaseAddress, *, lock_seconds: float, report: Callable[[str], None]) -> None:
    """
    VACUUM, then ANALYZE; the file stays the same one with its mode.

    Writers wait meanwhile, and each waits no longer than its own timeout. Raises DatabaseUnavailable when
    the database is in use for longer than ``lock_seconds``, StorekeeperError when it is damaged.
    """
    with maintain_sqlite(address, lock_seconds=lock_seconds) as connection:

        def check(when: str) -> None:
            (answer,) = connection.execute("PRAGMA quick_check(1)").fetchone()
            if answer != "ok":
                raise StorekeeperError(
                    f"database {address.name} ({address.path}) is damaged {when}: {answer}",
                    hint="Restore the newest verified backup: storekeeper restore_backup --help",
                )

        report("check")
        check("already; nothing was changed")
        report("VACUUM")
        connection.execute("VACUUM")
        report("ANALYZE")
        connection.execute(f"PRAGMA analysis_limit = {_ANALYSIS_ROWS}")
        connection.execute("ANALYZE")
        connection.execute("PRAGMA optimize")
        # Until then the old pages stand in the write-ahead log, where there is one.
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
        report("check")
        check("after VACUUM")


def _temporary_folder() -> Path:
    for folder in (*(os.environ.get(name, "") for name in _TEMPORARY), *_TEMPORARY_FOLDERS):
        if folder and Path(folder).is_dir() and os.access(folder, os.W_OK):
            return Path(folder)
    return Path(tempfile.gettempdir())
