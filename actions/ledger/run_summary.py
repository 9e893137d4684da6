"""One sentence about a run, made of its steps."""

from typing import Final

from actions.ledger.ledger import Ledger
from actions.ledger.schema import StepState
from storekeeper.units import format_size

NO_ROOM: Final = "not begun: there is no room for it"


def summarize(ledger: Ledger, run: str) -> str:
    """Give the only step's own sentence, or how many steps ended how and what they freed."""
    with ledger.file.read() as connection:
        steps = connection.execute(
            "SELECT state, summary, freed_bytes FROM steps WHERE run = ? ORDER BY position", (run,)
        ).fetchall()
    if len(steps) == 1:
        return str(steps[0]["summary"])
    counted = [
        (sum(step["state"] == state for step in steps), word)
        for state, word in (
            (StepState.DONE, "done"),
            (StepState.FAILED, "failed"),
            (StepState.CANCELLED, "cancelled"),
        )
    ]
    skipped = [step["summary"] for step in steps if step["state"] in (StepState.PENDING, StepState.SKIPPED)]
    counted += [
        (len(skipped) - skipped.count(NO_ROOM), "not needed"),
        (skipped.count(NO_ROOM), "without room"),
    ]
    told = ", ".join(f"{count} {word}" for count, word in counted if count)
    freed = sum(step["freed_bytes"] for step in steps)
    return f"{len(steps)} steps: {told}; {format_size(freed)} freed"
