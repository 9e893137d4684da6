"""What each action removes because it is old: the one table by which the runner asks for the clock."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Final


@dataclass(frozen=True, kw_only=True)
class ByAge:
    """
    How to see in the plan of an action whether it removes by age.

    ``all_at_once`` says, where it is not empty, of what everything would go: an operator decides on that
    where the clock is not proven.
    """

    removes: Callable[[Any], bool]
    all_at_once: Callable[[Any], str] = lambda plan: ""


BY_AGE: Final[Mapping[str, ByAge]] = MappingProxyType(
    {
        "cleanup_expired_qr_codes": ByAge(
            removes=lambda plan: not plan.empty, all_at_once=lambda plan: str(plan.all_at_once)
        ),
        "cleanup_orphaned_media": ByAge(removes=lambda plan: bool(plan.moves or plan.purges)),
        "prune_backups": ByAge(removes=lambda plan: bool(plan.gone)),
        "rotate_logs": ByAge(removes=lambda plan: bool(plan.expired)),
    }
)
"""Copies of backups off the machine are judged where they are made: ``actions/offsite/copy.py``."""
