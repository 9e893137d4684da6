"""
VACUUM a PostgreSQL database and build its indexes anew, while the shop goes on working.

``REINDEX INDEX CONCURRENTLY`` builds a second index beside the first. One that was interrupted leaves an
invalid index behind, named ``…_ccnew`` (the new one, unfinished) or ``…_ccold`` (the old one, replaced
already). Both are to be dropped, says PostgreSQL's manual, but not while somebody is still building.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import psycopg
from psycopg import sql

from storekeeper.files import free_bytes
from storekeeper.units import format_size

# Valid indexes of the shop's own tables that we may rebuild. Those of exclusion constraints and of temporary
# tables cannot be built concurrently; a partitioned index has no storage of its own.
INDEXES: Final = """
SELECT n.nspname, c.relname, pg_relation_size(c.oid), pg_tablespace_location(c.reltablespace)
FROM pg_index i
JOIN pg_class c ON c.oid = i.indexrelid
JOIN pg_class t ON t.oid = i.indrelid
JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE c.relkind = 'i' AND c.relpersistence <> 't' AND i.indisvalid AND NOT i.indisexclusion
  AND n.nspname <> 'information_schema' AND n.nspname !~ '^pg_'
  AND pg_has_role(t.relowner, 'USAGE')
ORDER BY 3, 1, 2
"""

LEFTOVERS: Final = r"""
SELECT n.nspname, c.relname, t.relname, i.indrelid
FROM pg_index i
JOIN pg_class c ON c.oid = i.indexrelid
JOIN pg_class t ON t.oid = i.indrelid
JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE NOT i.indisvalid AND c.relkind = 'i' AND c.relname ~ '_cc(new|old)[0-9]*$'
  AND n.nspname <> 'information_schema' AND n.nspname !~ '^pg_'
  AND pg_has_role(t.relowner, 'USAGE')
ORDER BY 1, 2
"""

# Of a build by somebody else we may not be told the table: then it may be any.
LIVE_BUILDS: Final = """
SELECT count(*) FROM pg_stat_progress_create_index
WHERE datname = current_database() AND (relid IS NULL OR relid = %s)
"""

# One table may be locked; so many in a row are all waiting for the same old transaction.
LOCKED_IN_A_ROW: Final = 3

LOCAL_HOSTS: Final = ("", "localhost", "127.0.0.1", "::1")

Connection = psycopg.Connection[tuple[Any, ...]]


@dataclass(frozen=True, kw_only=True)
class Index:
    """An index with its size; ``tablespace`` is the folder of its own tablespace, if it has one."""

    schema: str
    name: str
    size_bytes: int
    tablespace: str = ""

    @property
    def identifier(self) -> sql.Identifier:
        """Give its name as SQL."""
        return sql.Identifier(self.schema, self.name)


@dataclass(kw_only=True)
class Optimized:
    """What was done to a database."""

    rebuilt: int = 0
    dropped: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


def find_indexes(connection: Connection) -> list[Index]:
    """Give the indexes to rebuild, the smallest first: they may make room for the larger ones."""
    return [
        Index(schema=schema, name=name, size_bytes=size, tablespace=place)
        for schema, name, size, place in connection.execute(INDEXES)
    ]


def find_leftovers(connection: Connection) -> list[str]:
    """Give the names of the invalid indexes that an interrupted rebuild has left."""
    return [f"{schema}.{name}" for schema, name, _, _ in connection.execute(LEFTOVERS)]


def data_folder(connection: Connection, *, host: str) -> Path | None:
    """Give the folder that the server keeps its files in; None when it is not ours to know, or elsewhere."""
    if host not in LOCAL_HOSTS and not host.startswith(("/", "@")):
        return None
    try:
        row = connection.execute("SHOW data_directory").fetchone()
    except psycopg.errors.InsufficientPrivilege:
        return None
    folder = Path(str(row[0])) if row else None
    try:
        return folder if folder is not None and folder.is_dir() else None
    except PermissionError:
        return None


def optimize_postgresql(
    connection: Connection,
    *,
    folder: Path | None,
    assume_space: bool,
    report: Callable[[str], None],
    cancelled: Callable[[], bool],
    free: Callable[[Path], int] = free_bytes,
) -> Optimized:
    """
    VACUUM (ANALYZE), clear leftovers, then rebuild one index after the other.

    ``connection`` waits for a lock no longer than its lock_timeout: an index whose table is busy for longer
    stays as it was, with a note. Where the server's disk cannot be seen no index is rebuilt, unless a
    person says that there is room (``assume_space``).
    """
    done = Optimized()
    done.dropped += drop_leftovers(connection, done)
    report("VACUUM (ANALYZE)")
    connection.execute("VACUUM (ANALYZE, SKIP_LOCKED)")
    if folder is None and not assume_space:
        done.notes.append(
            "no index was rebuilt: the free space of the server's disk is not known here (--assume-space says"
            " that there is enough)"
        )
        return done
    locked = 0
    for index in find_indexes(connection):
        if cancelled():
            done.notes.append("stopped as asked")
            break
        place = Path(index.tablespace) if index.tablespace else folder
        if place is not None and not assume_space and free(place) < 2 * index.size_bytes:
            done.notes.append(
                f"{index.name} was not rebuilt: {format_size(free(place))} are free,"
                f" it may need {format_size(2 * index.size_bytes)}"
            )
            continue
        report(f"REINDEX {index.name}")
        locked = 0 if _rebuild(connection, index, done) else locked + 1
        if locked == LOCKED_IN_A_ROW:
            done.notes.append(
                "several indexes in a row could not be locked (is an old transaction open?):"
                " the other indexes are left for the next run"
            )
            break
    return done


def drop_leftovers(connection: Connection, done: Optimized) -> list[str]:
    """Drop what interrupted rebuilds left, unless somebody is building on its table; give the names."""
    dropped = []
    for schema, name, table, table_id in connection.execute(LEFTOVERS).fetchall():
        live = connection.execute(LIVE_BUILDS, (table_id,)).fetchone()
        if live and live[0]:
            done.notes.append(f"{name} stays: an index of {table} is being built right now")
            continue
        try:
            connection.execute(
                sql.SQL("DROP INDEX CONCURRENTLY IF EXISTS {}").format(sql.Identifier(schema, name))
            )
        except psycopg.errors.LockNotAvailable:
            done.notes.append(f"{name} stays: its table {table} is in use")
        else:
            dropped.append(f"{schema}.{name}")
    return dropped


def _rebuild(connection: Connection, index: Index, done: Optimized) -> bool:
    """Build one index anew; False when a lock was not to be had."""
    got_locks = True
    try:
        connection.execute(sql.SQL("REINDEX INDEX CONCURRENTLY {}").format(index.identifier))
    except (psycopg.errors.LockNotAvailable, psycopg.errors.DeadlockDetected):
        got_locks = False
        done.notes.append(f"{index.name} was not rebuilt: another session holds its table; try again later")
    except (psycopg.errors.UndefinedTable, psycopg.errors.UndefinedObject):
        done.notes.append(f"{index.name} is gone")
    except (psycopg.errors.DiskFull, psycopg.errors.UniqueViolation) as error:
        done.notes.append(f"{index.name} was not rebuilt: {str(error).splitlines()[0]}")
    else:
        done.rebuilt += 1
        return True
    drop_leftovers(connection, done)
    return got_locks
