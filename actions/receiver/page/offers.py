"""What the page offers to start: each action with its last run, its next time, and whether to ask first."""

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from actions.action import Action
from actions.ledger.file import LedgerFile
from actions.ledger.history import list_runs

# These only read or only add. Everything else, known or not, is asked about before it runs.
ASKS_NOTHING: Final = frozenset(
    {
        "backup_database",
        "backup_media",
        "copy_backups_offsite",
        "find_large_files",
        "report_storage",
        "verify_backup",
    }
)
_LOOKED_THROUGH: Final = 20


@dataclass(frozen=True, kw_only=True)
class Offer:
    """One action. ``startable`` is False where a file must be named, which is for the command line."""

    name: str
    summary: str
    asks_first: bool
    startable: bool
    next_due: dt.datetime | None
    last_run: Mapping[str, Any] | None

    @property
    def last_state(self) -> str:
        """Give how the action ended in its last run, whose other steps may have ended otherwise."""
        steps = self.last_run["steps"] if self.last_run else []
        states = [str(step["state"]) for step in steps if step["action"] == self.name]
        return "running" if "running" in states else states[-1] if states else ""


def read_offers(
    actions: Mapping[str, Action[Any, Any]], *, file: LedgerFile, due: Mapping[str, dt.datetime]
) -> tuple[Offer, ...]:
    """Give an offer for each action, by name."""
    return tuple(
        Offer(
            name=name,
            summary=action.summary,
            asks_first=name not in ASKS_NOTHING,
            startable=is_startable(action),
            next_due=due.get(name),
            last_run=last_run(file, name),
        )
        for name, action in sorted(actions.items())
    )


def is_startable(action: Action[Any, Any]) -> bool:
    """Tell whether the action runs without an option that must be given."""
    return not any(field.is_required() for field in action.Options.model_fields.values())


def last_run(file: LedgerFile, action: str, *, dry: bool = False) -> Mapping[str, Any] | None:
    """Give the newest run of the action that was a dry run or was none; None when it is long ago."""
    runs = list_runs(file, most=_LOOKED_THROUGH, action=action)
    return next((run for run in runs if run["dry_run"] is dry), None)
