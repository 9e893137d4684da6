"""When an action last succeeded and what has failed of late, for people who look rarely."""

import json
from typing import Any

from actions.ledger.file import LedgerFile
from actions.ledger.schema import RunState, StepState
from storekeeper.config import Config


def last_success(config: Config, action: str) -> float | None:
    """Give the moment at which the action last succeeded, in seconds since 1970; None where it never did."""
    rows = _ask(
        config,
        "SELECT max(steps.finished) AS moment FROM steps JOIN runs ON runs.id = steps.run"
        " WHERE action = ? AND steps.state = ? AND NOT dry_run",
        (action, StepState.DONE),
    )
    return rows[0]["moment"] if rows else None


def last_details(config: Config, action: str) -> tuple[float, dict[str, Any]] | None:
    """Give when the action last succeeded and what it told a script then; None where it never did."""
    rows = _ask(
        config,
        "SELECT steps.finished, details FROM steps JOIN runs ON runs.id = steps.run"
        " WHERE action = ? AND steps.state = ? AND NOT dry_run ORDER BY steps.finished DESC LIMIT 1",
        (action, StepState.DONE),
    )
    return (rows[0]["finished"], json.loads(rows[0]["details"])) if rows else None


def all_details(config: Config, action: str) -> list[tuple[float, float, dict[str, Any]]]:
    """Return when each run of the action that succeeded began and ended, and what it told a script."""
    rows = _ask(
        config,
        "SELECT steps.started, steps.finished, details FROM steps JOIN runs ON runs.id = steps.run"
        " WHERE action = ? AND steps.state = ? AND NOT dry_run AND steps.started NOT NULL",
        (action, StepState.DONE),
    )
    return [(row["started"], row["finished"], json.loads(row["details"])) for row in rows]


def done_moments(config: Config, *, before: float) -> list[float]:
    """Return when runs succeeded, at most a moment for each day, in seconds since 1970."""
    rows = _ask(
        config,
        "SELECT max(finished) AS moment FROM runs WHERE state = ? AND finished <= ? AND NOT dry_run"
        " GROUP BY CAST(finished / 86400 AS INTEGER) ORDER BY moment DESC LIMIT 1000",
        (RunState.DONE, before),
    )
    return [row["moment"] for row in rows]


def failed_since(config: Config, moment: float) -> list[str]:
    """Give the ids of the runs that have failed since then, the newest first."""
    rows = _ask(
        config,
        "SELECT id FROM runs WHERE state = ? AND finished >= ? ORDER BY finished DESC",
        (RunState.FAILED, moment),
    )
    return [row["id"] for row in rows]


def waiting_runs(config: Config) -> list[str]:
    """Give the ids of the runs that wait for a person's approval, the oldest first."""
    rows = _ask(config, "SELECT id FROM runs WHERE state = ? ORDER BY accepted", (RunState.WAITING,))
    return [row["id"] for row in rows]


def _ask(config: Config, question: str, values: tuple[object, ...]) -> list[Any]:
    file = LedgerFile(config.state)
    if not file.path.exists():
        return []
    try:
        with file.read() as connection:
            return connection.execute(question, values).fetchall()
    finally:
        file.close()
