"""End what nobody will end: episodes without news, approvals nobody gave, runs whose process is gone."""

from typing import Final

import psutil

from actions.ledger import Ledger
from actions.ledger_rows import end_run
from actions.ledger_schema import EpisodeEnd, RunState

# Alertmanager repeats what still fires every few hours; a silence hides the end of an alert for good.
EPISODE_SECONDS: Final = 86400.0
APPROVAL_SECONDS: Final = 86400.0


def expire_episodes(ledger: Ledger, *, after_seconds: float = EPISODE_SECONDS) -> int:
    """Close the open episodes that had no news for so long; give their number."""
    with ledger.file.write() as connection:
        now = ledger.now()
        return connection.execute(
            "UPDATE episodes SET closed = ?, ending = ? WHERE closed IS NULL AND last_news < ?",
            (now, EpisodeEnd.EXPIRED, now - after_seconds),
        ).rowcount


def expire_approvals(ledger: Ledger, *, after_seconds: float = APPROVAL_SECONDS) -> int:
    """Cancel the runs that waited for a person for so long; give their number."""
    with ledger.file.write() as connection:
        now = ledger.now()
        rows = connection.execute(
            "SELECT id FROM runs WHERE state = ? AND waiting_since < ?",
            (RunState.WAITING, now - after_seconds),
        ).fetchall()
        for row in rows:
            end_run(
                connection, row["id"], state=RunState.CANCELLED, summary="nobody approved it in time", now=now
            )
        return len(rows)


def fail_abandoned_runs(ledger: Ledger) -> int:
    """Fail the runs by hand whose process ended without a word; give their number."""
    with ledger.file.read() as connection:
        rows = connection.execute(
            "SELECT id, process, process_started FROM runs WHERE finished IS NULL AND process IS NOT NULL"
        ).fetchall()
    abandoned = [row["id"] for row in rows if not _lives(row["process"], started=row["process_started"])]
    for run in abandoned:
        ledger.end_run(run, state=RunState.FAILED, error="its process ended before the run did")
    return len(abandoned)


def _lives(process: int, *, started: float) -> bool:
    try:
        return abs(psutil.Process(process).create_time() - started) < 2
    except psutil.Error:
        return False
