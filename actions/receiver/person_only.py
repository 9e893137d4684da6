"""What only a known person may start over HTTP: to lift a guard, restore old data, or remove for good."""

from collections.abc import Mapping
from typing import Any, Final

ACTIONS: Final = frozenset({"restore_backup"})
OPTIONS: Final = frozenset(
    {"force", "replace", "restore", "undo", "approve", "purge", "keep", "keep_days", "assume_space"}
)


def needs_person(action: str, options: Mapping[str, Any]) -> str:
    """Return what it is that only a known person may ask for, ``""`` where there is nothing of the kind."""
    if action in ACTIONS:
        return action
    return ", ".join(
        sorted(name for name, value in options.items() if name in OPTIONS and value is not False)
    )
