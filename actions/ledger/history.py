"""The ledger's runs, episodes and alerts as JSON values, for the command line, the web and scripts."""

import datetime as dt
import json
import sqlite3
from typing import Any, Final

from actions.ledger.file import LedgerFile
from actions.ledger.schema import RunState, Trigger
from storekeeper.config import Config

MOST_ROWS: Final = 200


def read_runs(config: Config, *, most: int = 20) -> list[dict[str, Any]]:
    """Give the newest runs, newest first, without their logs; empty when nothing ever ran."""
    file = LedgerFile(config.state)
    if not file.path.exists():
        return []
    try:
        return list_runs(file, most=most)
    finally:
        file.close()


def read_waiting(config: Config) -> list[dict[str, Any]]:
    """Give the runs that wait for a person, newest first."""
    file = LedgerFile(config.state)
    if not file.path.exists():
        return []
    try:
        return list_runs(file, most=MOST_ROWS, state=RunState.WAITING)
    finally:
        file.close()


def read_run(config: Config, run_id: str) -> dict[str, Any] | None:
    """Give one run with its steps and their logs, None when there is none of that id."""
    file = LedgerFile(config.state)
    if not file.path.exists():
        return None
    try:
        return find_run(file, run_id)
    finally:
        file.close()


def list_runs(
    file: LedgerFile,
    *,
    most: int = 50,
    before: str = "",
    state: RunState | None = None,
    trigger: Trigger | None = None,
    action: str = "",
    playbook: str = "",
) -> list[dict[str, Any]]:
    """
    Give at most ``most`` runs, newest first, without their logs.

    ``before`` is the id of the last run of the page before; the other words narrow the list.
    """
    wanted: list[tuple[str, object]] = []
    if before:
        wanted.append(("(accepted, id) < (SELECT accepted, id FROM runs WHERE id = ?)", before))
    if state:
        wanted.append(("state = ?", state))
    if trigger:
        wanted.append(("trigger = ?", trigger))
    if playbook:
        wanted.append(("playbook = ?", playbook))
    if action:
        wanted.append(("id IN (SELECT run FROM steps WHERE action = ?)", action))
    where = " AND ".join(clause for clause, _ in wanted) or "1"
    with file.read() as connection:
        rows = connection.execute(
            f"SELECT * FROM runs WHERE {where} ORDER BY accepted DESC, id DESC LIMIT ?",
            (*(value for _, value in wanted), most),
        ).fetchall()
        return [_as_json(connection, row, logs=False) for row in rows]


def find_run(file: LedgerFile, run_id: str) -> dict[str, Any] | None:
    """Give one run with its steps and their logs."""
    with file.read() as connection:
        row = connection.execute("SELECT * FROM runs WHERE id = ?", (run_id,)).fetchone()
        return _as_json(connection, row, logs=True) if row else None


def open_episodes(file: LedgerFile) -> list[dict[str, Any]]:
    """Give the alerts that are firing as far as we heard, the newest first, each with its last run."""
    with file.read() as connection:
        rows = connection.execute(
            "SELECT episodes.*, (SELECT runs.id FROM runs WHERE runs.episode = episodes.id"
            " ORDER BY accepted DESC, runs.id DESC LIMIT 1) AS last_run"
            " FROM episodes WHERE closed IS NULL ORDER BY opened DESC LIMIT ?",
            (MOST_ROWS,),
        ).fetchall()
    return [
        {
            "alertname": row["alertname"],
            "severity": row["severity"],
            "level": row["level"] or row["severity"],
            "resource": row["resource"],
            "labels": json.loads(row["labels"]),
            "opened": _time(row["opened"]),
            "last_news": _time(row["last_news"]),
            "runs": row["runs"],
            "exhausted": bool(row["exhausted"]),
            "last_run": row["last_run"],
        }
        for row in rows
    ]


def _as_json(connection: sqlite3.Connection, row: sqlite3.Row, *, logs: bool) -> dict[str, Any]:
    steps = connection.execute("SELECT * FROM steps WHERE run = ? ORDER BY position", (row["id"],)).fetchall()
    decisions = connection.execute(
        "SELECT * FROM decisions WHERE run = ? ORDER BY rowid", (row["id"],)
    ).fetchall()
    return {
        "id": row["id"],
        "state": row["state"],
        "trigger": row["trigger"],
        "who": row["who"],
        "reason": _reason(row),
        "playbook": row["playbook"],
        "alertname": row["alertname"],
        "resource": row["resource"],
        "dry_run": bool(row["dry_run"]),
        "accepted": _time(row["accepted"]),
        "started": _time(row["started"]),
        "waiting_since": _time(row["waiting_since"]),
        "finished": _time(row["finished"]),
        "summary": row["summary"],
        "error": row["error"],
        "decisions": [
            {"time": _time(row["accepted"]), "what": "started", "who": f"{row['who']}, {row['trigger']}"},
            *({"time": _time(one["time"]), "what": one["what"], "who": one["who"]} for one in decisions),
        ],
        "freed_bytes": sum(step["freed_bytes"] for step in steps),
        "steps": [_step_as_json(connection, step, logs=logs) for step in steps],
    }


def _step_as_json(connection: sqlite3.Connection, step: sqlite3.Row, *, logs: bool) -> dict[str, Any]:
    value = {
        "index": step["position"],
        "action": step["action"],
        "options": json.loads(step["options"]),
        "approval": "required" if step["needs_approval"] else "none",
        "state": step["state"],
        "attempts": step["attempts"],
        "started": _time(step["started"]),
        "finished": _time(step["finished"]),
        "done": step["done"],
        "total": step["total"],
        "unit": step["unit"],
        "freed_bytes": step["freed_bytes"],
        "changed": step["changed"],
        "summary": step["summary"],
        "error": step["error"],
    }
    if logs:
        lines = connection.execute(
            "SELECT line FROM log WHERE run = ? AND position = ? ORDER BY id", (step["run"], step["position"])
        )
        value["log"] = [line["line"] for line in lines]
        value["details"] = json.loads(step["details"])
    return value


def _reason(row: sqlite3.Row) -> str:
    if row["trigger"] == Trigger.ALERT:
        about = f" for {row['resource']}" if row["resource"] else ""
        return f"{row['alertname']}{about}"
    if row["trigger"] == Trigger.SCHEDULE:
        return "schedule"
    return f"{row['who']}, {row['trigger']}"


def _time(seconds: float | None) -> str | None:
    if seconds is None:
        return None
    return (
        dt.datetime.fromtimestamp(seconds, tz=dt.UTC)
        .isoformat(timespec="milliseconds")
        .replace("+00:00", "Z")
    )
