"""The life of runs in the ledger: accepted, given to the engine, carried out step by step, ended."""

import datetime as dt
import json
import os
import sqlite3
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

import psutil

from actions.action import Outcome, Progress
from actions.ledger.file import LedgerFile
from actions.ledger.progress_mark import ProgressMark, settle
from actions.ledger.rows import NewRun, clean, end_run, insert_run, note_decision
from actions.ledger.schema import OPEN_RUN_STATES, Decision, RunState, StepState, Trigger

# A step's log is for a person; thousands of lines are in nobody's interest.
MOST_LOG_LINES: Final = 500
DETAILS_CHARACTERS: Final = 200_000

_BESIDE_THE_ROW: Final = (
    "(SELECT count(*) FROM steps WHERE run = runs.id) AS step_count,"
    " (SELECT coalesce(nullif(level, ''), severity) FROM episodes WHERE id = runs.episode) AS level"
)


@dataclass(frozen=True, kw_only=True)
class Run:
    """A run as its row has it; ``level`` is that of the alert that began it, ``""`` without one."""

    id: str
    state: RunState
    submission: int
    step_count: int
    resource: str
    until_below: float | None
    dry_run: bool
    cancel_requested: bool
    trigger: Trigger
    playbook: str
    level: str
    alertname: str = ""


@dataclass(frozen=True, kw_only=True)
class Step:
    """A step as its row has it."""

    action: str
    options: dict[str, Any]
    needs_approval: bool
    state: StepState


class Ledger:
    """Every method is one short transaction; LedgerUnavailable when the file cannot be used."""

    def __init__(self, file: LedgerFile, *, now: Callable[[], dt.datetime]) -> None:
        self.file = file
        self._now = now

    def now(self) -> float:
        """Give the present time in seconds since 1970."""
        return self._now().timestamp()

    def accept(self, new: NewRun) -> str | None:
        """Write a run down and give its id; None when its ``due_key`` was accepted before."""
        with self.file.write() as connection:
            return insert_run(connection, new, now=self.now())

    def begin_by_hand(self, new: NewRun) -> str:
        """Write down a run that this very process carries out now."""
        with self.file.write() as connection:
            run = insert_run(connection, new, now=self.now())
            assert run is not None, "a run by hand has no due time"
            process = psutil.Process()
            connection.execute(
                "UPDATE runs SET state = ?, started = ?, process = ?, process_started = ? WHERE id = ?",
                (RunState.RUNNING, self.now(), os.getpid(), process.create_time(), run),
            )
            return run

    def run(self, run: str) -> Run | None:
        """Give the run of that id."""
        with self.file.read() as connection:
            row = connection.execute(
                f"SELECT *, {_BESIDE_THE_ROW} FROM runs WHERE id = ?",
                (run,),
            ).fetchone()
        return _run(row) if row else None

    def runs_in(self, *states: RunState) -> list[Run]:
        """Give the runs in these states that the engine is to carry out, oldest first."""
        marks = ", ".join("?" * len(states))
        with self.file.read() as connection:
            rows = connection.execute(
                f"SELECT *, {_BESIDE_THE_ROW}"
                f" FROM runs WHERE state IN ({marks}) AND process IS NULL ORDER BY accepted, id",
                states,
            ).fetchall()
        return [_run(row) for row in rows]

    def step(self, run: str, position: int) -> Step:
        """Give one step of a run."""
        with self.file.read() as connection:
            row = connection.execute(
                "SELECT * FROM steps WHERE run = ? AND position = ?", (run, position)
            ).fetchone()
        return Step(
            action=row["action"],
            options=json.loads(row["options"]),
            needs_approval=bool(row["needs_approval"]),
            state=StepState(row["state"]),
        )

    def next_action(self, run: str) -> str:
        """Give the name of the action that the run has still to do first, ``""`` where there is none."""
        with self.file.read() as connection:
            row = connection.execute(
                "SELECT action FROM steps WHERE run = ? AND state IN (?, ?, ?) ORDER BY position",
                (run, StepState.PENDING, StepState.APPROVED, StepState.RUNNING),
            ).fetchone()
        return str(row["action"]) if row else ""

    def begin_step(self, run: str, position: int) -> int:
        """
        Begin an attempt of a step, and its run with it; gives the attempt's number, from 1.

        What earlier attempts freed is kept, also what only their mark tells.
        """
        with self.file.write() as connection:
            now = self.now()
            settle(connection, state=self.file.path.parent, run=run)
            connection.execute(
                "UPDATE runs SET state = ?, started = coalesce(started, ?), waiting_since = NULL"
                " WHERE id = ?",
                (RunState.RUNNING, now, run),
            )
            row = connection.execute(
                "UPDATE steps SET state = ?, attempts = attempts + 1, started = coalesce(started, ?),"
                " carried_bytes = freed_bytes, error = '' WHERE run = ? AND position = ? RETURNING attempts",
                (StepState.RUNNING, now, run, position),
            ).fetchone()
            return int(row["attempts"])

    def attempts(self, run: str) -> int:
        """Give how often the step at work was begun, 0 where none is."""
        with self.file.read() as connection:
            row = connection.execute(
                "SELECT max(attempts) AS attempts FROM steps WHERE run = ? AND state = ?",
                (run, StepState.RUNNING),
            ).fetchone()
        return int(row["attempts"] or 0)

    def note_progress(self, run: str, position: int, progress: Progress) -> None:
        """Keep how far a step has come; its freed bytes count even when it never ends."""
        with self.file.write() as connection:
            connection.execute(
                "UPDATE steps SET done = ?, total = ?, unit = ?, freed_bytes = carried_bytes + ?"
                " WHERE run = ? AND position = ?",
                (progress.done, progress.total, progress.unit, progress.freed_bytes, run, position),
            )

    def add_log(self, run: str, position: int, line: str) -> None:
        """Keep a line that a step left; the first MOST_LOG_LINES of a step are kept."""
        with self.file.write() as connection:
            connection.execute(
                "INSERT INTO log (run, position, time, line) SELECT ?, ?, ?, ?"
                " WHERE (SELECT count(*) FROM log WHERE run = ? AND position = ?) < ?",
                (run, position, self.now(), clean(line), run, position, MOST_LOG_LINES),
            )

    def end_step(
        self,
        run: str,
        position: int,
        *,
        state: StepState,
        outcome: Outcome | None = None,
        error: str = "",
    ) -> None:
        """Write down how a step ended; without an outcome it keeps the bytes that its progress told."""
        details = json.dumps(dict(outcome.details), default=str) if outcome else "{}"
        with self.file.write() as connection:
            connection.execute(
                "UPDATE steps SET state = ?, finished = ?, error = ?, summary = ?, changed = ?, details = ?,"
                " freed_bytes = CASE WHEN ? IS NULL THEN freed_bytes ELSE carried_bytes + ? END"
                " WHERE run = ? AND position = ?",
                (
                    state,
                    self.now(),
                    clean(error),
                    clean(outcome.summary) if outcome else "",
                    outcome.changed if outcome else 0,
                    details if len(details) <= DETAILS_CHARACTERS else "{}",
                    outcome.freed_bytes if outcome else None,
                    outcome.freed_bytes if outcome else None,
                    run,
                    position,
                ),
            )

    def end_run(self, run: str, *, state: RunState, summary: str = "", error: str = "") -> None:
        """End a run that has not ended; steps that never began are skipped or cancelled with it."""
        with self.file.write() as connection:
            settle(connection, state=self.file.path.parent, run=run)
            end_run(connection, run, state=state, summary=summary, error=error, now=self.now())
            steps = connection.execute("SELECT position FROM steps WHERE run = ?", (run,)).fetchall()
        for row in steps:
            self.mark_of(run, row["position"]).end()

    def wait_for_approval(self, run: str, position: int) -> None:
        """Let a run wait for a person before this step."""
        with self.file.write() as connection:
            connection.execute(
                "UPDATE runs SET state = ?, waiting_since = ?, started = coalesce(started, ?) WHERE id = ?",
                (RunState.WAITING, self.now(), self.now(), run),
            )
            connection.execute(
                "UPDATE steps SET state = ? WHERE run = ? AND position = ?",
                (StepState.WAITING, run, position),
            )

    def approve(self, run: str, *, who: str) -> bool:
        """Let a waiting run go on; False when it does not wait (any more)."""
        with self.file.write() as connection:
            changed = connection.execute(
                "UPDATE runs SET state = ?, submission = submission + 1, waiting_since = NULL"
                " WHERE id = ? AND state = ?",
                (RunState.ACCEPTED, run, RunState.WAITING),
            ).rowcount
            if not changed:
                return False
            row = connection.execute(
                "UPDATE steps SET state = ? WHERE run = ? AND state = ? RETURNING position",
                (StepState.APPROVED, run, StepState.WAITING),
            ).fetchone()
            connection.execute(
                "INSERT INTO log (run, position, time, line) VALUES (?, ?, ?, ?)",
                (run, row["position"] if row else 0, self.now(), f"approved by {clean(who)}"),
            )
            note_decision(connection, run, what=Decision.APPROVED, who=who, now=self.now())
            return True

    def cancel(self, run: str, *, who: str) -> RunState | None:
        """
        Cancel a run: at once when it has not begun, at its next safe point when it runs.

        Gives the state that it is in now; None when it had ended already or never was.
        """
        with self.file.write() as connection:
            row = connection.execute("SELECT state FROM runs WHERE id = ?", (run,)).fetchone()
            state = RunState(row["state"]) if row else None
            if state in OPEN_RUN_STATES:
                note_decision(connection, run, what=Decision.CANCELLED, who=who, now=self.now())
            if state in (RunState.ACCEPTED, RunState.WAITING):
                settle(connection, state=self.file.path.parent, run=run)
                end_run(
                    connection, run, state=RunState.CANCELLED, summary=f"cancelled by {who}", now=self.now()
                )
                return RunState.CANCELLED
            if state is RunState.RUNNING:
                connection.execute("UPDATE runs SET cancel_requested = 1 WHERE id = ?", (run,))
                return RunState.RUNNING
            return None

    def hand_back(self, run: str, *, submission: int) -> bool:
        """
        Take a run back from the engine, so that it is submitted anew; its finished steps stay finished.

        False, and nothing is changed, when it has ended, waits, or was submitted again meanwhile.
        """
        with self.file.write() as connection:
            changed = connection.execute(
                "UPDATE runs SET state = ?, submission = submission + 1"
                " WHERE id = ? AND submission = ? AND state IN (?, ?)",
                (RunState.ACCEPTED, run, submission, RunState.ACCEPTED, RunState.RUNNING),
            ).rowcount
            return bool(changed)

    def mark_of(self, run: str, position: int) -> ProgressMark:
        """Give the mark in which a step's attempt keeps what it freed."""
        return ProgressMark(self.file.path.parent, run=run, position=position)


def _run(row: sqlite3.Row) -> Run:
    return Run(
        id=row["id"],
        state=RunState(row["state"]),
        submission=row["submission"],
        step_count=row["step_count"],
        resource=row["resource"],
        until_below=row["until_below"],
        dry_run=bool(row["dry_run"]),
        cancel_requested=bool(row["cancel_requested"]),
        trigger=Trigger(row["trigger"]),
        playbook=row["playbook"],
        level=row["level"] or "",
        alertname=row["alertname"],
    )
