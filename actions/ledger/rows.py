"""A new run and the end of a run, as rows; for transactions of the ledger and of the alerts' intake."""

import datetime as dt
import json
import secrets
import sqlite3
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from actions.ledger.schema import Decision, RunState, StepState, Target, Trigger

TEXT_CHARACTERS: Final = 1000


@dataclass(frozen=True, kw_only=True)
class NewStep:
    """A step that is to be run; ``options`` are as they stand in the config or the request."""

    action: str
    options: Mapping[str, Any] = field(default_factory=dict)
    needs_approval: bool = False


@dataclass(frozen=True, kw_only=True)
class NewRun:
    """A run that is to be accepted. ``due_key`` names the due time of a schedule: one run for each."""

    trigger: Trigger
    who: str
    steps: Sequence[NewStep]
    playbook: str = ""
    alertname: str = ""
    resource: str = ""
    episode: int | None = None
    until_below: float | None = None
    dry_run: bool = False
    due_key: str | None = None


def insert_run(connection: sqlite3.Connection, new: NewRun, *, now: float) -> str | None:
    """Insert a run with its steps; None when its ``due_key`` is taken."""
    stamp = dt.datetime.fromtimestamp(now, tz=dt.UTC).strftime("%Y%m%d-%H%M%S")
    run = f"{stamp}-{secrets.token_hex(4)}"
    inserted = connection.execute(
        "INSERT INTO runs (id, trigger, who, playbook, alertname, resource, episode, until_below, dry_run,"
        " state, accepted, due_key) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
        " ON CONFLICT (due_key) DO NOTHING",
        (
            run,
            new.trigger,
            clean(new.who),
            new.playbook,
            clean(new.alertname),
            clean(new.resource),
            new.episode,
            new.until_below,
            new.dry_run,
            RunState.ACCEPTED,
            now,
            new.due_key,
        ),
    ).rowcount
    if not inserted:
        return None
    connection.executemany(
        "INSERT INTO steps (run, position, action, options, needs_approval, state) VALUES (?, ?, ?, ?, ?, ?)",
        [
            (run, position, step.action, json.dumps(dict(step.options)), step.needs_approval, "pending")
            for position, step in enumerate(new.steps)
        ],
    )
    return run


def end_run(
    connection: sqlite3.Connection,
    run: str,
    *,
    state: RunState,
    summary: str = "",
    error: str = "",
    now: float,
) -> None:
    """End a run inside a transaction of the caller; what is to be told of it goes into the outbox with it."""
    ended = connection.execute(
        "UPDATE runs SET state = ?, finished = ?, waiting_since = NULL, summary = ?, error = ?"
        " WHERE id = ? AND finished IS NULL",
        (state, now, clean(summary), clean(error), run),
    ).rowcount
    if ended:
        put_in_outbox(connection, run, now=now)
    rest = StepState.CANCELLED if state is RunState.CANCELLED else StepState.SKIPPED
    connection.execute(
        "UPDATE steps SET state = ? WHERE run = ? AND state IN ('pending', 'waiting', 'approved')",
        (rest, run),
    )
    if state is RunState.REFUSED:
        # Its resources were taken: it counts neither as a run of the action nor as a failure.
        connection.execute(
            "UPDATE steps SET state = ?, attempts = 0 WHERE run = ? AND state = 'running'",
            (StepState.SKIPPED, run),
        )
    connection.execute(
        "UPDATE steps SET state = ?, finished = ?, error = ? WHERE run = ? AND state = 'running'",
        (StepState.CANCELLED if state is RunState.CANCELLED else StepState.FAILED, now, clean(error), run),
    )


def put_in_outbox(connection: sqlite3.Connection, run: str, *, now: float) -> None:
    """Note that the end of a run is to be told; a dry run and a run that was refused are not."""
    connection.executemany(
        "INSERT INTO outbox (run, target, next_attempt) SELECT id, ?, ? FROM runs"
        " WHERE id = ? AND NOT dry_run AND state IN ('done', 'failed', 'cancelled')",
        [(target, now, run) for target in Target],
    )


def note_decision(connection: sqlite3.Connection, run: str, *, what: Decision, who: str, now: float) -> None:
    """Keep who decided what about a run."""
    connection.execute(
        "INSERT INTO decisions (run, time, what, who) VALUES (?, ?, ?, ?)", (run, now, what, clean(who))
    )


def clean(text: str) -> str:
    """Give a text that SQLite and JSON take, whatever bytes a file name held, and of bounded length."""
    return text.encode("utf-8", "backslashreplace").decode("utf-8")[:TEXT_CHARACTERS]
