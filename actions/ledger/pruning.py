"""Forget what ended long ago: runs with their steps and logs, and closed episodes. The totals stay."""

import logging
import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Final

from actions.ledger.ledger import Ledger

logger = logging.getLogger(__name__)

# So many runs go in one transaction, so that an alert never waits long for the ledger.
RUNS_AT_ONCE: Final = 500
# What may lie free in a file before it is written anew without it.
FREE_BYTES_KEPT: Final = 1024 * 1024
FREE_SHARE_KEPT: Final = 0.25

# Names of counters, labelled by action, that hold what forgotten steps add to the metrics.
FORGOTTEN: Final = ("runs", "failures", "freed_bytes")
LAST_SUCCESS: Final = "forgotten_last_success"

# A run of an open episode is needed for the cooldown.
_OLD_RUNS: Final = """
CREATE TEMP TABLE old_runs AS
SELECT id FROM runs
WHERE finished < :before AND accepted < :before
  AND (episode IS NULL OR episode IN (SELECT id FROM episodes WHERE closed IS NOT NULL))
ORDER BY accepted LIMIT :most
"""
_OLD_STEPS: Final = """
FROM steps JOIN runs ON runs.id = steps.run
WHERE runs.id IN (SELECT id FROM old_runs) AND NOT runs.dry_run GROUP BY action
"""
_COUNT: Final = (
    *(
        f"INSERT INTO counters (name, label, value) SELECT 'forgotten_{name}', action, {value} {_OLD_STEPS}"
        " ON CONFLICT (name, label) DO UPDATE SET value = value + excluded.value"
        for name, value in zip(
            FORGOTTEN,
            ("sum(attempts > 0)", "sum(steps.state = 'failed' AND attempts > 0)", "sum(freed_bytes)"),
            strict=True,
        )
    ),
    f"INSERT INTO counters (name, label, value) SELECT '{LAST_SUCCESS}', action,"
    f" max(CAST(steps.finished AS INTEGER)) {_OLD_STEPS.replace('GROUP', 'AND steps.state = :done GROUP')}"
    " ON CONFLICT (name, label) DO UPDATE SET value = max(value, excluded.value)",
)
# A due time whose run is forgotten must not fall due again.
_REMEMBER_DUE: Final = """
UPDATE schedules SET known_since = max(known_since, coalesce((
    SELECT max(accepted) FROM runs WHERE id IN (SELECT id FROM old_runs)
    AND substr(due_key, 1, length(key) + 1) = key || ' '), known_since))
"""
_FORGET: Final = (
    "DELETE FROM log WHERE run IN (SELECT id FROM old_runs)",
    "DELETE FROM steps WHERE run IN (SELECT id FROM old_runs)",
    "DELETE FROM decisions WHERE run IN (SELECT id FROM old_runs)",
    "DELETE FROM outbox WHERE run IN (SELECT id FROM old_runs)",
    "DELETE FROM runs WHERE id IN (SELECT id FROM old_runs)",
)
_OLD_EPISODES: Final = (
    "FROM episodes WHERE closed < :before AND NOT EXISTS (SELECT 1 FROM runs WHERE episode = episodes.id)"
)


def forget(ledger: Ledger, *, before: float) -> int:
    """
    Forget the runs that ended, and the episodes that were closed, before this time; give how many runs.

    Kept are runs of open episodes, what the metrics count, and that a schedule's due times are done.
    """
    return sum(_rounds(ledger, before=before))


def _rounds(ledger: Ledger, *, before: float) -> Iterator[int]:
    count = RUNS_AT_ONCE
    while count == RUNS_AT_ONCE:
        with ledger.file.write() as connection:
            count = _forget_some(connection, before=before)
        yield count


def _forget_some(connection: sqlite3.Connection, *, before: float) -> int:
    connection.execute("DROP TABLE IF EXISTS temp.old_runs")
    connection.execute(_OLD_RUNS, {"before": before, "most": RUNS_AT_ONCE})
    for statement in _COUNT:
        connection.execute(statement, {"done": "done"} if ":done" in statement else {})
    connection.execute(_REMEMBER_DUE)
    for statement in _FORGET:
        count = connection.execute(statement).rowcount
    connection.execute("DROP TABLE temp.old_runs")
    connection.execute(
        f"DELETE FROM alerts WHERE episode IN (SELECT id {_OLD_EPISODES})",
        {"before": before},
    )
    connection.execute(f"DELETE {_OLD_EPISODES}", {"before": before})
    return count


def shrink(path: Path, *, busy_seconds: float = 5.0) -> bool:
    """
    Write a SQLite file anew when much of it lies free; True when that was done.

    Never where the disk has no room for two more of it. Raises sqlite3.Error.
    """
    with closing(sqlite3.connect(path, timeout=busy_seconds, isolation_level=None)) as connection:
        page, pages, free = (
            connection.execute(f"PRAGMA {name}").fetchone()[0]
            for name in ("page_size", "page_count", "freelist_count")
        )
        if page * free <= max(FREE_BYTES_KEPT, FREE_SHARE_KEPT * page * pages):
            return False
        if shutil.disk_usage(path.parent).free < 2 * page * pages:
            logger.warning("%s is not made smaller: its disk has no room for that", path)
            return False
        connection.execute("VACUUM")
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        return True
