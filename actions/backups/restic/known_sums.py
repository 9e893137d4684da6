"""
The SHA-256 of each file of an area, summed by us and not by restic, and which of them restic gave back so.

Kept in the state folder from one backup to the next, so that only new and changed files are read. It can be
lost without harm: all files are read again then.
"""

import hashlib
import itertools
import sqlite3
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from types import TracebackType
from typing import Final

from actions.backups.packing import unpacked
from storekeeper.errors import BackupRefused, UnsafePath
from storekeeper.files import FoundFile, Tree
from storekeeper.files.reasons import reason_of

_CHUNK_BYTES: Final = 1 << 20
_COMMIT_FILES: Final = 1000

_SCHEMA: Final = """
CREATE TABLE IF NOT EXISTS files (
    series TEXT NOT NULL, name BLOB NOT NULL, size INTEGER NOT NULL, modified INTEGER NOT NULL,
    changed INTEGER NOT NULL, inode INTEGER NOT NULL, sha256 TEXT NOT NULL,
    compared INTEGER NOT NULL DEFAULT 0, seen INTEGER NOT NULL DEFAULT 0,
    PRIMARY KEY (series, name)
) WITHOUT ROWID
"""


class KnownSums(AbstractContextManager["KnownSums"]):
    """The sums of one series: an area in a repository. ``path`` None keeps them for this moment alone."""

    def __init__(self, path: Path | None, *, series: str) -> None:
        self._series = series
        if path is not None:
            path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._database = _open(path)

    def __enter__(self) -> "KnownSums":
        return self

    def __exit__(
        self,
        error_type: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        try:
            self._database.commit()
            self._database.close()
        except sqlite3.Error as failed:
            error = failed
        if isinstance(error, sqlite3.Error):
            raise BackupRefused(
                f"the sums of the files cannot be kept: {error}",
                hint="Is the disk of the state folder full? It needs about 200 bytes for each file",
            ) from None

    def look(
        self,
        tree: Tree,
        *,
        passed_over: Callable[[str, str], None],
        looked: Callable[[int], None] = lambda files: None,
    ) -> None:
        """
        Sum up each file of the area that is new or has changed, and forget those that are gone.

        ``passed_over`` hears of what could not be read, ``looked`` of the number of files so far.
        """
        self._database.execute("UPDATE files SET seen = 0 WHERE series = ?", (self._series,))
        for number, found in enumerate(tree.walk(passed_over=passed_over), start=1):
            if self._is_known(found):
                self._set(found, "seen = 1")
            else:
                try:
                    sha256 = _sum(tree, found.name)
                except (OSError, UnsafePath) as error:
                    passed_over(found.name, reason_of(error))
                    continue
                self._keep(found, sha256=sha256)
            if number % _COMMIT_FILES == 0:
                # What a killed run has read need not be read again.
                self._database.commit()
            looked(number)
        self._database.execute("DELETE FROM files WHERE series = ? AND seen = 0", (self._series,))
        self._database.commit()

    def settle(self, tree: Tree, *, changed: Callable[[str, str], None]) -> None:
        """
        Look again, after the backup: a file that is as it was before must be in the snapshot with its sum.

        Of one that changed meanwhile nobody knows what restic has read; it is named to ``changed``.
        """
        self._database.execute("UPDATE files SET seen = 0 WHERE series = ?", (self._series,))
        for found in tree.walk():
            if self._is_known(found):
                self._set(found, "seen = 1")
            else:
                changed(found.name, "changed while it was read")
        self._database.execute("DELETE FROM files WHERE series = ? AND seen = 0", (self._series,))
        self._database.commit()

    def drop(self, names: Sequence[str]) -> None:
        """Forget these files, which are not in the snapshot."""
        self._database.executemany(
            "DELETE FROM files WHERE series = ? AND name = ?",
            ((self._series, _bytes(name)) for name in names),
        )

    def take_list(self, sums: Path) -> None:
        """Take the sums from the list beside a backup; raises OSError where it cannot be read."""
        rest = b""
        for piece in itertools.chain(unpacked(sums, compressed=True), [b"\n"]):
            *complete, rest = (rest + piece).split(b"\n")
            self._database.executemany(
                "INSERT OR REPLACE INTO files VALUES (?, ?, -1, 0, 0, 0, ?, 0, 1)",
                ((self._series, name, sha256) for name, sha256 in map(_parse, filter(None, complete))),
            )

    def copied(self, *, older_than_ns: int) -> "KnownSums":
        """Return, for this moment alone, the sums of those files that were last changed before this one."""
        copy = KnownSums(None, series=self._series)
        copy._database.executemany(
            "INSERT INTO files VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
            self._database.execute(
                "SELECT * FROM files WHERE series = ? AND max(modified, changed) < ?",
                (self._series, older_than_ns),
            ),
        )
        return copy

    def all(self) -> Iterator[tuple[str, str]]:
        """Yield name and sum of each file, in the order of their names."""
        rows = self._database.execute(
            "SELECT name, sha256 FROM files WHERE series = ? ORDER BY name", (self._series,)
        )
        for name, sha256 in rows:
            yield _text(name), sha256

    def totals(self, *, not_compared: bool = False) -> tuple[int, int]:
        """Return number and bytes of the files; of those alone that restic has not given back yet."""
        where = " AND compared = 0" if not_compared else ""
        row = self._database.execute(
            f"SELECT count(*), coalesce(sum(size), 0) FROM files WHERE series = ?{where}",
            (self._series,),
        ).fetchone()
        return int(row[0]), int(row[1])

    def to_compare(self, *, most: int) -> list[tuple[str, int]]:
        """Return name and size of some files that restic has not given back yet."""
        rows = self._database.execute(
            "SELECT name, size FROM files WHERE series = ? AND compared = 0 ORDER BY name LIMIT ?",
            (self._series, most),
        )
        return [(_text(name), size) for name, size in rows]

    def begin_comparison(self) -> None:
        """Take every file for not compared."""
        self._database.execute("UPDATE files SET compared = 0 WHERE series = ?", (self._series,))

    def compare(self, name: str, *, sha256: str) -> bool:
        """Take what restic gave for a file; return False where it is another than it was here."""
        row = self._database.execute(
            "SELECT sha256 FROM files WHERE series = ? AND name = ?", (self._series, _bytes(name))
        ).fetchone()
        if row is None:
            return True
        if row[0] != sha256:
            return False
        self._database.execute(
            "UPDATE files SET compared = 1 WHERE series = ? AND name = ?", (self._series, _bytes(name))
        )
        return True

    def _is_known(self, found: FoundFile) -> bool:
        row = self._database.execute(
            "SELECT size, modified, changed, inode FROM files WHERE series = ? AND name = ?",
            (self._series, _bytes(found.name)),
        ).fetchone()
        return bool(row == (found.size_bytes, found.modified_ns, found.changed_ns, _inode(found)))

    def _set(self, found: FoundFile, change: str) -> None:
        self._database.execute(
            f"UPDATE files SET {change} WHERE series = ? AND name = ?",
            (self._series, _bytes(found.name)),
        )

    def _keep(self, found: FoundFile, *, sha256: str) -> None:
        self._database.execute(
            "INSERT OR REPLACE INTO files VALUES (?, ?, ?, ?, ?, ?, ?, 0, 1)",
            (
                self._series,
                _bytes(found.name),
                found.size_bytes,
                found.modified_ns,
                found.changed_ns,
                _inode(found),
                sha256,
            ),
        )


def _open(path: Path | None) -> sqlite3.Connection:
    try:
        return _opened(path)
    except sqlite3.DatabaseError:
        if path is None:
            raise
        path.unlink()
        return _opened(path)


def _opened(path: Path | None) -> sqlite3.Connection:
    # Without a name, SQLite keeps it in a temporary file that grows beyond the memory.
    database = sqlite3.connect(path or "")
    try:
        database.execute(_SCHEMA)
        database.execute("PRAGMA synchronous = NORMAL")
    except sqlite3.DatabaseError:
        database.close()
        raise
    return database


def _sum(tree: Tree, name: str) -> str:
    sums = hashlib.sha256()
    with tree.open(name) as file:
        while data := file.read(_CHUNK_BYTES):
            sums.update(data)
    return sums.hexdigest()


def _parse(line: bytes) -> tuple[bytes, str]:
    """Return name and sum of a line as sha256sum writes it."""
    marked = line.startswith(b"\\")
    sha256, _, name = line.removeprefix(b"\\").partition(b"  ")
    if marked:
        pieces = name.split(b"\\\\")
        name = b"\\".join(piece.replace(b"\\n", b"\n").replace(b"\\r", b"\r") for piece in pieces)
    return name, sha256.decode("ascii")


def _inode(found: FoundFile) -> int:
    # SQLite's integers are signed.
    return found.inode - (1 << 64) if found.inode >= 1 << 63 else found.inode


def _bytes(name: str) -> bytes:
    return name.encode("utf-8", "surrogateescape")


def _text(name: bytes) -> str:
    return name.decode("utf-8", "surrogateescape")


def sorted_out(names: Sequence[tuple[str, int]], *, most_bytes: int) -> list[str]:
    """Return the first names whose files have together no more than so many bytes, and at least one."""
    taken: list[str] = []
    total = 0
    for name, size in names:
        total += size
        if taken and total > most_bytes:
            break
        taken.append(name)
    return taken
