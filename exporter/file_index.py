"""
The files of one area while their rows are looked for, in memory that does not grow with their number.

The list is a private SQLite database without a name: it lives in its cache and spills to a temporary file
beyond that. A name is kept as 64 bits of its hash; two of a million names share one less than once in ten
million measurements.
"""

import hashlib
import sqlite3
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from itertools import islice
from types import TracebackType
from typing import Final, Self, TypeVar

from storekeeper.files import FoundFile

BATCH: Final = 5000
CACHE_KIBIBYTES: Final = 16 * 1024
NO_KIND: Final = -1
IGNORED: Final = -2
"""The kind of files that are wanted although no row names them."""

TABLES: Final = f"""
    PRAGMA cache_size = -{CACHE_KIBIBYTES};
    PRAGMA journal_mode = OFF;
    PRAGMA synchronous = OFF;
    CREATE TABLE files (name INTEGER PRIMARY KEY, size INTEGER, kind INTEGER, old INTEGER,
                        named INTEGER NOT NULL DEFAULT 0);
    CREATE TABLE codes (name INTEGER, kind INTEGER, expired INTEGER);
"""
ORPHANS: Final = f"SELECT count(*), coalesce(sum(size), 0) FROM files WHERE NOT named AND kind = {NO_KIND}"
# A file without a row is an orphan where rows are expected, else its age decides.
CODES_FROM_FILES: Final = """
    SELECT named, old, count(*), coalesce(sum(size), 0) FROM files WHERE kind = ? GROUP BY named, old
"""
# Two rows may name one file; its bytes count once, and as live while one of the rows is.
CODES_FROM_ROWS: Final = """
    SELECT code.expired, sum(code.number), coalesce(sum(files.size), 0)
      FROM (SELECT name, min(expired) AS expired, count(*) AS number
              FROM codes WHERE kind = ? GROUP BY name) AS code
      LEFT JOIN files ON files.name = code.name
     GROUP BY code.expired
"""

Item = TypeVar("Item")


@dataclass(frozen=True, kw_only=True)
class FileCount:
    """A number of files (or of codes) and the bytes of the files."""

    files: int = 0
    size_bytes: int = 0

    def __add__(self, other: "FileCount") -> "FileCount":
        return FileCount(files=self.files + other.files, size_bytes=self.size_bytes + other.size_bytes)


class FileIndex(AbstractContextManager["FileIndex"]):
    """
    Files listed first, rows looked up afterwards, counts at the end.

    Names are in the form of ``storekeeper.shopside.spellings.canonical``.
    """

    def __init__(self) -> None:
        self._connection = sqlite3.connect("", isolation_level=None, check_same_thread=False)
        self._connection.executescript(TABLES)
        # One transaction that is never committed: nobody else sees this database.
        self._connection.execute("BEGIN")

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        error_type: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._connection.close()

    def add(
        self,
        files: Iterable[FoundFile],
        *,
        name_of: Callable[[FoundFile], str],
        kind_of: Callable[[FoundFile], int],
        is_old: Callable[[FoundFile, int], bool],
    ) -> None:
        """List files; ``kind_of`` gives the number of the kind of QR code, NO_KIND for other files."""
        for batch in batches(files):
            rows = []
            for file in batch:
                kind = kind_of(file)
                rows.append((key_of(name_of(file)), file.size_bytes, kind, is_old(file, kind)))
            self._connection.executemany(
                "INSERT OR IGNORE INTO files (name, size, kind, old) VALUES (?, ?, ?, ?)", rows
            )

    def mark_named(self, names: Iterable[str]) -> None:
        """Note that rows name these files."""
        for batch in batches(names):
            self._connection.executemany(
                "UPDATE files SET named = 1 WHERE name = ?", [(key_of(name),) for name in batch]
            )

    def add_codes(self, codes: Iterable[tuple[str, bool]], *, kind: int) -> None:
        """Note rows of QR codes: the file's name, and whether the code has expired."""
        for batch in batches(codes):
            self._connection.executemany(
                "INSERT INTO codes (name, kind, expired) VALUES (?, ?, ?)",
                [(key_of(name), kind, expired) for name, expired in batch],
            )

    def orphans(self) -> FileCount:
        """Count the files of no kind of QR code that no row names."""
        files, size = self._connection.execute(ORPHANS).fetchone()
        return FileCount(files=files, size_bytes=size)

    def codes_of_files(self, kind: int) -> Iterator[tuple[bool, bool, FileCount]]:
        """Give (named by a row, older than the kind keeps, count) of the files of one kind."""
        for named, old, files, size in self._connection.execute(CODES_FROM_FILES, (kind,)):
            yield bool(named), bool(old), FileCount(files=files, size_bytes=size)

    def codes_of_rows(self, kind: int) -> Iterator[tuple[bool, FileCount]]:
        """Give (expired, count) of the rows of one kind; a row whose file is missing counts without bytes."""
        for expired, number, size in self._connection.execute(CODES_FROM_ROWS, (kind,)):
            yield bool(expired), FileCount(files=number, size_bytes=size)


def key_of(name: str) -> int:
    """Give 64 bits of the name's hash as a signed number."""
    digest = hashlib.blake2b(name.encode("utf-8", "surrogateescape"), digest_size=8).digest()
    return int.from_bytes(digest, "big", signed=True)


def batches(items: Iterable[Item]) -> Iterator[list[Item]]:
    """Give the items in lists of BATCH."""
    iterator = iter(items)
    while batch := list(islice(iterator, BATCH)):
        yield batch
