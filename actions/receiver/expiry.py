"""End what nobody will end: episodes without news, approvals nobody gave, runs whose process is gone."""

from actions.ledger.ledger import Ledger
from actions.ledger.rows import end_run, note_decision
from actions.ledger.schema import Decision, EpisodeEnd, RunState
from storekeeper.processes import lives


def expire_episodes(ledger: Ledger, *, before: float) -> int:
    """
    Close the open episodes whose last news is from before this time; give their number.

    Alertmanager repeats what still fires; a silence hides the end of an alert for good.
    """
    with ledger.file.write() as connection:
        return connection.execute(
            "UPDATE episodes SET closed = ?, ending = ? WHERE closed IS NULL AND last_news < ?",
            (ledger.now(), EpisodeEnd.EXPIRED, before),
        ).rowcount


def expire_approvals(ledger: Ledger, *, before: float) -> int:
    """Cancel the runs that have waited for a person since before this time; give their number."""
    with ledger.file.write() as connection:
        now = ledger.now()
        rows = connection.execute(
            "SELECT id FROM runs WHERE state = ? AND waiting_since < ?",
            (RunState.WAITING, before),
        ).fetchall()
        for row in rows:
            note_decision(connection, row["id"], what=Decision.EXPIRED, who="nobody", now=now)
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
    abandoned = [row["id"] for row in rows if not lives(row["process"], started=row["process_started"])]
    for run in abandoned:
        ledger.end_run(run, state=RunState.FAILED, error="its process ended before the run did")
    return len(abandoned)
