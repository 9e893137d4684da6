"""
Give a database's unused space back and refresh what its query planner knows.

SQLite: VACUUM, ANALYZE. PostgreSQL: VACUUM (ANALYZE), which blocks nobody, then every index is built anew,
one at a time and CONCURRENTLY; a table that somebody holds locked is passed over, told and tried next time.

Only after a verified backup of the database that is not older than a day, and only with room for what is
written meanwhile: twice the file for SQLite, the largest index (twice, with its sort) for PostgreSQL. No row
is changed. The plan also lists what looks unused (``unused_data.py``); that is for a person to remove.
"""

import datetime as dt
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final

from pydantic import Field

from actions.action import Context, Outcome, Progress
from actions.optimization.plan import OptimizePlan, PlannedDatabase
from actions.optimization.postgresql import (
    Optimized,
    data_folder,
    find_indexes,
    find_leftovers,
    optimize_postgresql,
)
from actions.optimization.sqlite import COPIES, optimize_sqlite, require, require_room
from actions.optimization.unused_data import find_unused
from actions.scope import Database, databases_of
from storekeeper.backups import find_backups
from storekeeper.config import Config
from storekeeper.config.fields import Model
from storekeeper.databases import Engine, connect_postgresql, connect_sqlite
from storekeeper.databases.maintenance import maintain_postgresql
from storekeeper.errors import BackupRefused
from storekeeper.files import free_bytes
from storekeeper.measure.databases import database_bytes
from storekeeper.units import format_size

BACKUP_AGE: Final = dt.timedelta(days=1)


class OptimizeDatabaseOptions(Model):
    """What a person may choose."""

    database: str | None = Field(default=None, description="One database of the config instead of all.")
    assume_space: bool = Field(
        default=False,
        description="Rebuild indexes although the free space of a distant server cannot be seen.",
    )


class OptimizeDatabase:
    """
    The action; see the module's description for its rules.

    ``lock_seconds`` is how long it waits for others; ``free`` tells the free bytes below a folder.
    """

    name = "optimize_database"
    summary = "Give unused space of the databases back: VACUUM, ANALYZE, and indexes built anew."
    Options: type[Model] = OptimizeDatabaseOptions

    def __init__(self, *, lock_seconds: float = 10.0, free: Callable[[Path], int] = free_bytes) -> None:
        self._lock_seconds = lock_seconds
        self._free = free

    def resources(self, config: Config, options: OptimizeDatabaseOptions) -> tuple[str, ...]:
        """Give the databases."""
        names = [options.database] if options.database else list(config.databases) or ["default"]
        return tuple(f"database-{name}" for name in names)

    def plan(self, context: Context, options: OptimizeDatabaseOptions) -> OptimizePlan:
        """Look at the databases and the backups; raises DatabaseUnavailable, ConfigurationError."""
        databases = databases_of(context.config, description=context.shop.describe(), only=options.database)
        return OptimizePlan(databases=tuple(self._planned(context, database) for database in databases))

    def perform(self, context: Context, options: OptimizeDatabaseOptions, plan: OptimizePlan) -> Outcome:
        """
        Optimize one database after the other.

        Raises, before anything is changed, BackupRefused without a fresh verified backup of each and
        NotEnoughSpace; DatabaseUnavailable where a database stays in use.
        """
        # The plan may have waited for a person: what it found about backups is looked up again.
        refusals = [_fresh_backup(context, one.database.name)[1] for one in plan.databases]
        if any(refusals):
            raise BackupRefused(
                "; ".join(refusal for refusal in refusals if refusal),
                hint="Run storekeeper backup_database --verify first; nothing was changed",
            )
        for one in plan.databases:
            self._require_room(one.database)
        before = sum(database_bytes(one.database.address) for one in plan.databases)
        done = [
            self._optimize(context, options, one.database, done=number, total=len(plan.databases))
            for number, one in enumerate(plan.databases)
        ]
        after = sum(database_bytes(one.database.address) for one in plan.databases)
        return _outcome(plan.databases, done, before=before, after=after)

    def _planned(self, context: Context, database: Database) -> PlannedDatabase:
        backup, refusal = _fresh_backup(context, database.name)
        size = database_bytes(database.address)
        if database.address.engine is Engine.SQLITE:
            with connect_sqlite(database.address) as connection:
                (pages,) = connection.execute("PRAGMA freelist_count").fetchone()
                (page_bytes,) = connection.execute("PRAGMA page_size").fetchone()
            reclaimable: int | None = pages * page_bytes
            steps = ["VACUUM", "ANALYZE"]
            needed = COPIES * size
        else:
            with connect_postgresql(database.address) as postgresql:
                leftovers = find_leftovers(postgresql)
                indexes = find_indexes(postgresql)
            reclaimable = None
            needed = 2 * max((index.size_bytes for index in indexes), default=0)
            steps = [f"drop the invalid index {name}" for name in leftovers]
            steps += ["VACUUM (ANALYZE)", f"REINDEX {len(indexes)} indexes one by one"]
        return PlannedDatabase(
            database=database,
            size_bytes=size,
            reclaimable_bytes=reclaimable,
            needed_bytes=needed,
            steps=tuple(steps),
            backup=backup,
            refusal=refusal,
            unused=tuple(find_unused(database.address)),
        )

    def _require_room(self, database: Database) -> None:
        if database.address.path is not None:
            require_room(database.address.path, free=self._free)
            return
        with connect_postgresql(database.address) as connection:
            folder = data_folder(connection, host=database.address.parameters.get("host", ""))
            indexes = find_indexes(connection)
        largest = max((index.size_bytes for index in indexes if not index.tablespace), default=0)
        if folder is not None:
            require(
                folder, needed_bytes=2 * largest, purpose="building the largest index anew", free=self._free
            )

    def _optimize(
        self,
        context: Context,
        options: OptimizeDatabaseOptions,
        database: Database,
        *,
        done: int,
        total: int,
    ) -> Optimized:
        def report(step: str) -> None:
            context.report(
                Progress(done=done, total=total, unit="databases", note=f"{database.name}: {step}")
            )

        if database.address.engine is Engine.SQLITE:
            optimize_sqlite(database.address, lock_seconds=self._lock_seconds, report=report)
            return Optimized()
        with maintain_postgresql(database.address, lock_seconds=self._lock_seconds) as connection:
            return optimize_postgresql(
                connection,
                folder=data_folder(connection, host=database.address.parameters.get("host", "")),
                assume_space=options.assume_space,
                report=report,
                cancelled=context.cancelled,
                free=self._free,
            )


def _fresh_backup(context: Context, name: str) -> tuple[str, str]:
    """Give the verified backup that allows the work and ``""``, or ``""`` and why it is not allowed."""
    backups = [
        backup
        for backup in find_backups(context.config.backups.path, shop=context.config.shop)
        if backup.manifest.database == name
        and backup.verified
        # One from the future was made by a wrong clock: nobody knows how old it is.
        and backup.manifest.created <= context.now()
    ]
    if not backups:
        return "", f"{name} has no verified backup"
    newest = backups[0]
    if context.now() - newest.manifest.created > BACKUP_AGE:
        made = newest.manifest.created.astimezone(context.now().tzinfo)
        return "", f"the newest verified backup of {name} is of {made:%Y-%m-%d %H:%M}, more than a day ago"
    return newest.path.name, ""


def _outcome(
    databases: Sequence[PlannedDatabase], done: Sequence[Optimized], *, before: int, after: int
) -> Outcome:
    notes = [
        f"{one.database.name}: {note}"
        for one, optimized in zip(databases, done, strict=True)
        for note in optimized.notes
    ]
    text = f"optimized {len(databases)} databases: {format_size(before)} before, {format_size(after)} after"
    return Outcome(
        summary="; ".join([text, *notes]),
        freed_bytes=max(0, before - after),
        changed=len(databases),
        details={
            "before_bytes": before,
            "after_bytes": after,
            "databases": [
                {
                    "database": one.database.name,
                    "backup": one.backup,
                    "rebuilt_indexes": optimized.rebuilt,
                    "dropped_indexes": optimized.dropped,
                    "notes": optimized.notes,
                    "unused": [unused.as_json() for unused in one.unused],
                }
                for one, optimized in zip(databases, done, strict=True)
            ],
        },
    )
