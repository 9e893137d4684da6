"""The moments at which the receiver is killed: each function returns when the moment has come."""

import sqlite3
import time
from collections.abc import Callable
from typing import Any, Final

# How long a moment is waited for; without it the kill comes anyhow, at any moment.
PATIENCE_SECONDS: Final = 2.0


def watch(look: Callable[[], Any]) -> None:
    """Return as soon as ``look`` finds something, after PATIENCE_SECONDS at the latest."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not look() and time.monotonic() < deadline:
        pass


def in_start(attack: Any, _: int | None) -> None:
    """Before it is ready."""
    time.sleep(attack.chance.uniform(0, 1.5))


def at_intake(attack: Any, _: int | None) -> None:
    """While a message is on its way to it."""
    attack.field.forwarder.sent.wait(PATIENCE_SECONDS)
    time.sleep(attack.chance.uniform(0, 0.02))


def after_insert(attack: Any, known: int | None) -> None:
    """As soon as an alert stands in the ledger, often before the answer."""
    path = attack.field.victim.config_file.parent / "state" / "ledger.sqlite3"
    connection = sqlite3.connect(path, timeout=30)
    watch(lambda: connection.execute("SELECT max(id) FROM alerts").fetchone()[0] != known)
    connection.close()


def after_answer(attack: Any, _: int | None) -> None:
    """Soon after it answered."""
    attack.field.forwarder.answered.wait(PATIENCE_SECONDS)
    time.sleep(attack.chance.uniform(0, 0.02))


def _after_line(attack: Any, what: str, *, pause_seconds: float) -> None:
    journal = attack.field.victim.config_file.with_name("journal.txt")
    known = journal.stat().st_size if journal.exists() else 0
    # Not always the first: a later step is as likely to be hit.
    passed_over = attack.chance.randint(0, 4)

    def seen() -> bool:
        if not journal.exists() or journal.stat().st_size == known:
            return False
        with journal.open() as file:
            file.seek(known)
            return sum(line.startswith(what) for line in file) > passed_over

    watch(seen)
    time.sleep(attack.chance.uniform(0, pause_seconds))


def in_step(attack: Any, _: int | None) -> None:
    """While a step removes files."""
    _after_line(attack, "begin", pause_seconds=0.04)


def at_step_end(attack: Any, _: int | None) -> None:
    """When a step is over, before or while this is written down."""
    _after_line(attack, "end", pause_seconds=attack.chance.choice((0, 0.003, 0.03)))


def in_shutdown(attack: Any, _: int | None) -> None:
    """While it ends because it was asked to."""
    time.sleep(attack.chance.uniform(0, 1))
    attack.field.victim.terminate()
    time.sleep(attack.chance.uniform(0, 1.2))


def whenever(attack: Any, _: int | None) -> None:
    """At no moment in particular."""
    time.sleep(attack.chance.uniform(0, 1.5))


MOMENTS: dict[str, Callable[[Any, int | None], None]] = {
    "start": in_start,
    "intake": at_intake,
    "insert": after_insert,
    "answer": after_answer,
    "step": in_step,
    "step's end": at_step_end,
    "shutdown": in_shutdown,
    "any moment": whenever,
}
