"""Steps that did what they may and wait for an operator's approval to do the rest."""

import json
from typing import Any

from actions.ledger.ledger import Ledger
from actions.ledger.schema import Decision, StepState


def waiting_steps(ledger: Ledger, run: str) -> list[int]:
    """Return the positions of the run's steps that wait for an operator, in their order."""
    with ledger.file.read() as connection:
        rows = connection.execute(
            "SELECT position FROM steps WHERE run = ? AND state = ? ORDER BY position",
            (run, StepState.WAITING),
        ).fetchall()
    return [int(row["position"]) for row in rows]


def end_waiting_steps(ledger: Ledger, run: str) -> None:
    """Call the steps that wait done: what they would still do is not needed any more."""
    with ledger.file.write() as connection:
        connection.execute(
            "UPDATE steps SET state = ? WHERE run = ? AND state = ?",
            (StepState.DONE, run, StepState.WAITING),
        )


def approval_of(ledger: Ledger, run: str, position: int) -> dict[str, Any] | None:
    """
    Return who approved the run last, and the details of the step as the operator saw them.

    None where no operator has.
    """
    with ledger.file.read() as connection:
        decision = connection.execute(
            "SELECT who FROM decisions WHERE run = ? AND what = ? ORDER BY rowid DESC",
            (run, Decision.APPROVED),
        ).fetchone()
        step = connection.execute(
            "SELECT details FROM steps WHERE run = ? AND position = ?", (run, position)
        ).fetchone()
    if decision is None or step is None:
        return None
    return {"who": decision["who"], "details": json.loads(step["details"])}
