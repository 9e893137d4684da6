"""A copy of an SQLite database's file, made by the system while nobody can write to it."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterator
from contextlib import closing, suppress
from pathlib import Path
from typing import Any

_LOCK_SECONDS = 30
_MOST_AT_ONCE = 1 << 30


def copy_file(*, source: str, target: str) -> Iterator[Any]:
    """
    Copy the file ``source`` over the file ``target`` under a reader's lock; yields ``{"copied": …}``.

    SQLite's documentation names this way of making a backup. The writers, who wait meanwhile, wait a quarter
    of the time that a copy page by page takes. To close the file gives up every lock that its process has
    on it, so this is for a process that does nothing else: it closes the shop's own connections first.

    Not copied is a database with a write-ahead log, and whatever the system cannot copy: ``target`` is
    empty then, and the caller may try in SQLite's own way, which also tells what is wrong.
    """
    from django.db import connections

    connections.close_all()
    copied = False
    with suppress(OSError, sqlite3.Error):
        copied = hasattr(os, "copy_file_range") and _copy(Path(source), Path(target))
    if not copied:
        os.truncate(target, 0)
    yield {"copied": copied}


def _copy(source: Path, target: Path) -> bool:
    uri = f"{source.absolute().as_uri()}?mode=ro"
    with closing(sqlite3.connect(uri, uri=True, timeout=_LOCK_SECONDS, isolation_level=None)) as reader:
        reader.execute("BEGIN")
        # Now the lock is taken; it is an error where a crashed writer's changes have not been undone.
        reader.execute("SELECT count(*) FROM sqlite_master").fetchone()
        if reader.execute("PRAGMA journal_mode").fetchone()[0] == "wal":
            return False
        (pages,) = reader.execute("PRAGMA page_count").fetchone()
        (page_bytes,) = reader.execute("PRAGMA page_size").fetchone()
        with source.open("rb") as old, target.open("wb") as new:
            count = 0
            while some := os.copy_file_range(old.fileno(), new.fileno(), _MOST_AT_ONCE):
                count += some
        return bool(count >= pages * page_bytes)
