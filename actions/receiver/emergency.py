"""
Emergencies and what gives way to them.

An emergency is a run that a critical or an emergency alert began. It has threads of its own (``engine.py``),
so that it waits behind no other run for one. While it makes room, nothing that writes much
(``actions/room.py``) is begun by itself; and where such a step holds a resource that the emergency needs,
it stops at its next safe point, its run is handed back, and it is begun again when the emergency is over.
What a person has asked for gives way to nothing.
"""

import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Final

from actions.ledger.ledger import Ledger, Run
from actions.ledger.schema import RunState, Trigger
from actions.room import needs_room

LEVELS: Final = ("critical", "emergency")
_AUTOMATIC: Final = (Trigger.ALERT, Trigger.SCHEDULE)


def is_emergency(run: Run) -> bool:
    """Tell whether the run came from an alert that can wait for nothing."""
    return run.trigger is Trigger.ALERT and run.level in LEVELS and not run.dry_run


def makes_room_now(run: Run, action: str) -> bool:
    """Tell whether a step of a run has the right of way; ``action`` is the step's."""
    return is_emergency(run) and not needs_room(action)


def may_wait(run: Run) -> bool:
    """
    Return whether the run may wait at its end for an operator to approve what it left.

    A run that waits holds up the next one of its playbook, and an emergency cannot: it does what is approved.
    """
    return not run.dry_run and not (run.trigger is Trigger.ALERT and run.level == "emergency")


def gives_way(run: Run, action: str) -> bool:
    """Tell whether a step of a run stops for an emergency; ``action`` is the step's."""
    return run.trigger in _AUTOMATIC and needs_room(action)


def emergency_beside(ledger: Ledger, run: Run) -> str | None:
    """Give the id of another open run that is an emergency and makes room, None where there is none."""
    for other in ledger.runs_in(RunState.ACCEPTED, RunState.RUNNING):
        if other.id != run.id and is_emergency(other):
            action = ledger.next_action(other.id)
            if action and not needs_room(action):
                return other.id
    return None


class Needs:
    """The resources that emergencies wait for now; safe for several threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._needed: dict[str, frozenset[str]] = {}

    @contextmanager
    def waiting(self, who: str, *, resources: Iterable[str]) -> Iterator[None]:
        """Say that ``who`` waits for these resources while the block lasts."""
        with self._lock:
            self._needed[who] = frozenset(resources)
        try:
            yield
        finally:
            with self._lock:
                del self._needed[who]

    def one_of(self, resources: Iterable[str]) -> bool:
        """Tell whether an emergency waits for one of these."""
        with self._lock:
            needed = list(self._needed.values())
        held = set(resources)
        return any(held & one for one in needed)
