"""
What an action is: options → plan → perform.

A plan is made by looking and touches nothing. It is what ``--dry-run`` prints and what ``perform`` carries
out, so both are always about the same things. ``perform`` may be killed at any point and started anew: it
looks again before each change and takes what is gone already as done.
"""

import datetime as dt
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol, TypeVar, runtime_checkable

from storekeeper.config import Config
from storekeeper.config.fields import Model
from storekeeper.shop import Shop


@dataclass(frozen=True, kw_only=True)
class Progress:
    """
    How far a run has come: ``done`` of ``total`` units (None while unknown), bytes freed so far.

    ``note`` is a line worth keeping in the run's log, empty for mere movement.
    """

    done: int
    total: int | None = None
    unit: str = "files"
    freed_bytes: int = 0
    note: str = ""


@dataclass(frozen=True, kw_only=True)
class Context:
    """What an action works with; all that varies between a person, a test and the receiver is in here."""

    config: Config
    shop: Shop
    now: Callable[[], dt.datetime]
    """Give the present moment with its time zone."""
    report: Callable[[Progress], None]
    """Hear of progress; called often."""
    cancelled: Callable[[], bool] = lambda: False
    """Tell whether the run is to stop at the next safe point."""
    attributes: Mapping[str, Any] = field(default_factory=dict)
    ask: Callable[[str, "Plan"], bool] | None = None
    """Show a plan to the operator at the terminal and return the answer; None where the run is unattended."""
    clock_doubt: Callable[[], str] = lambda: ""
    """Return why the clock cannot be trusted for judging age, ``""`` where it can."""


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """
    What a run did: bytes freed, things changed, the files it made, and a sentence for a person.

    ``waits_for`` says what an operator has to approve before the rest is done, ``""`` when all is done.
    """

    summary: str
    freed_bytes: int = 0
    changed: int = 0
    created: tuple[Path, ...] = ()
    waits_for: str = ""
    details: Mapping[str, Any] = field(default_factory=dict)


class Plan(Protocol):
    """What would be done; every plan can tell itself to a person and to a script."""

    @property
    def summary(self) -> str:
        """One sentence: what would happen, to how much."""

    @property
    def empty(self) -> bool:
        """True when there is nothing to do."""

    def rows(self) -> list[tuple[str, ...]]:
        """Give the table for a person: a row of headings, then one row per thing."""

    def as_json(self) -> dict[str, Any]:
        """Give the whole plan for a script."""


OptionsType = TypeVar("OptionsType", bound=Model, contravariant=True)
PlanType = TypeVar("PlanType", bound=Plan)


class Action(Protocol[OptionsType, PlanType]):
    """
    One thing storekeeper can do; one instance of each stands in ``actions.table.ACTIONS``.

    ``Options`` is a frozen model whose fields carry defaults and descriptions: the command line, the
    management command and the web interface are made from it, with ``dry_run`` and ``json`` added.
    """

    name: str
    summary: str
    Options: type[Model]

    def resources(self, config: Config, options: OptionsType) -> tuple[str, ...]:
        """Give the names of what a run works on, such as ``media`` or ``database-default``, to lock."""

    def plan(self, context: Context, options: OptionsType) -> PlanType:
        """Look, touch nothing, and say what would be done; raises StorekeeperError."""

    def perform(self, context: Context, options: OptionsType, plan: PlanType) -> Outcome:
        """Do what the plan says, looking again before each change; raises StorekeeperError."""


@runtime_checkable
class RefusesUnattended(Protocol[OptionsType]):
    """An action with options that are an operator's alone."""

    def refused_unattended(self, options: OptionsType) -> str:
        """Say why a playbook may not use these options, ``""`` where it may."""
