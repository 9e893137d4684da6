"""How a run ended, action by action, as the ledger has it."""

import json
import sqlite3
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from pydantic import ValidationError

from actions.action import Action
from actions.ledger.file import LedgerFile
from actions.ledger.schema import RunState, StepState, Trigger
from storekeeper.config import Config

WARNING: Final = "warning"
CRITICAL: Final = "critical"

ResourceOf = Callable[[str, Mapping[str, Any]], str]
"""Gives what an action with these options works on, empty where that cannot be said."""


@dataclass(frozen=True, kw_only=True)
class ActionEnd:
    """
    What one action of a run came to; the steps of a run that do the same to the same are one.

    ``text`` is the action's own sentence, or why it failed. Times are seconds since 1970.
    """

    action: str
    resource: str
    state: StepState
    freed_bytes: int
    text: str
    started: float
    finished: float


@dataclass(frozen=True, kw_only=True)
class RunEnd:
    """A run that has ended; ``severity`` is how bad a failure of it is, ``reason`` why it was started."""

    run: str
    state: RunState
    reason: str
    severity: str
    finished: float
    actions: tuple[ActionEnd, ...]


@dataclass(frozen=True, kw_only=True)
class Failure:
    """An action that failed the last time it ran on a resource, with the run it failed in."""

    run_end: RunEnd
    action_end: ActionEnd


def resources_of(config: Config, *, actions: Mapping[str, Action[Any, Any]]) -> ResourceOf:
    """Give the function that names what an action works on first: an area, ``database-default``, …"""

    def resource_of(name: str, options: Mapping[str, Any]) -> str:
        action = actions.get(name)
        if action is None:
            return ""
        try:
            checked = action.Options.model_validate(dict(options), context={"project": str(config.project)})
        except ValidationError:
            return ""
        return next(iter(action.resources(config, checked)), "")

    return resource_of


def read_run_end(file: LedgerFile, run: str, *, resource_of: ResourceOf) -> RunEnd | None:
    """Give how a run ended; None when there is no such run or it goes on."""
    with file.read() as connection:
        return _run_end(connection, run, resource_of=resource_of)


def standing_failures(file: LedgerFile, *, since: float, resource_of: ResourceOf) -> list[Failure]:
    """Give the actions whose last run on a resource, ended after ``since``, failed."""
    with file.read() as connection:
        rows = connection.execute(
            "SELECT DISTINCT runs.id FROM runs JOIN steps ON steps.run = runs.id"
            " WHERE NOT dry_run AND runs.finished > ? AND action IN"
            " (SELECT action FROM steps WHERE state = 'failed' AND finished > ?)"
            " ORDER BY runs.finished, runs.id",
            (since, since),
        ).fetchall()
        last: dict[tuple[str, str], Failure] = {}
        for row in rows:
            run_end = _run_end(connection, row["id"], resource_of=resource_of)
            for end in run_end.actions if run_end else ():
                if run_end and end.state in (StepState.DONE, StepState.FAILED):
                    last[end.action, end.resource] = Failure(run_end=run_end, action_end=end)
    return [failure for failure in last.values() if failure.action_end.state is StepState.FAILED]


def _run_end(connection: sqlite3.Connection, run: str, *, resource_of: ResourceOf) -> RunEnd | None:
    row = connection.execute(
        "SELECT runs.*, coalesce(episodes.severity, '') AS severity FROM runs"
        " LEFT JOIN episodes ON episodes.id = runs.episode WHERE runs.id = ? AND finished IS NOT NULL",
        (run,),
    ).fetchone()
    if row is None:
        return None
    steps = connection.execute("SELECT * FROM steps WHERE run = ? ORDER BY position", (run,)).fetchall()
    begun = [step for step in steps if step["attempts"]]
    if row["state"] == RunState.FAILED and not any(step["state"] == StepState.FAILED for step in begun):
        # Given up before its next step began: that is the one that failed.
        begun += [step for step in steps if step["state"] == StepState.SKIPPED and not step["attempts"]][:1]
    ends: dict[tuple[str, str], ActionEnd] = {}
    for step in begun:
        resource = resource_of(step["action"], json.loads(step["options"])) or row["resource"]
        end = _action_end(step, run=row, resource=resource)
        before = ends.get((end.action, end.resource))
        ends[end.action, end.resource] = _joined(before, end) if before else end
    return RunEnd(
        run=run,
        state=RunState(row["state"]),
        reason=_reason(row),
        severity=CRITICAL if row["severity"] in ("critical", "emergency") else WARNING,
        finished=row["finished"],
        actions=tuple(ends.values()),
    )


def _action_end(step: sqlite3.Row, *, run: sqlite3.Row, resource: str) -> ActionEnd:
    state = StepState(step["state"]) if step["attempts"] else StepState.FAILED
    failed = state is StepState.FAILED
    return ActionEnd(
        action=step["action"],
        resource=resource,
        state=state,
        freed_bytes=step["freed_bytes"],
        text=(step["error"] or run["error"]) if failed else step["summary"],
        started=step["started"] or run["accepted"],
        finished=step["finished"] or run["finished"],
    )


def _joined(before: ActionEnd, end: ActionEnd) -> ActionEnd:
    """Give two steps of one run that do the same to the same as one; the later says how it ended."""
    return ActionEnd(
        action=end.action,
        resource=end.resource,
        state=end.state,
        freed_bytes=before.freed_bytes + end.freed_bytes,
        text=end.text,
        started=min(before.started, end.started),
        finished=max(before.finished, end.finished),
    )


def _reason(row: sqlite3.Row) -> str:
    if row["trigger"] == Trigger.ALERT:
        return f"{row['alertname']} for {row['resource']}" if row["resource"] else str(row["alertname"])
    if row["trigger"] == Trigger.SCHEDULE:
        return "the schedule"
    return f"{row['who']}, {row['trigger']}"
