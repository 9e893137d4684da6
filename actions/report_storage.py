"""
Write down how large everything is, against its limit and against the report before: the monthly check.

Changes nothing. The report stays in the history: ``storekeeper runs ID`` shows it, and the next one counts
the growth from it. ``storekeeper storage_info`` tells more about the present moment.
"""

import datetime as dt
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from actions.action import Context, Outcome, Progress
from actions.ledger.last_runs import last_details
from storekeeper.config import Config
from storekeeper.config.fields import Model
from storekeeper.measure.resources import STORAGE
from storekeeper.measure.usage import UsageReader
from storekeeper.units import format_size

NAME = "report_storage"


class ReportStorageOptions(Model):
    """Nothing to choose."""


@dataclass(frozen=True, kw_only=True)
class Sized:
    """One part of the shop, in bytes; ``before`` is its size in the report before, None where it had none."""

    name: str
    size_bytes: int
    limit_bytes: int | None
    before_bytes: int | None

    def told(self) -> str:
        """Give the line for a person."""
        limit = ""
        if self.limit_bytes:
            limit = f", {self.size_bytes / self.limit_bytes:.0%} of {format_size(self.limit_bytes)}"
        change = ""
        if self.before_bytes is not None:
            grown = self.size_bytes - self.before_bytes
            change = f", {'+' if grown >= 0 else ''}{format_size(grown)} since the report before"
        return f"{self.name}: {format_size(self.size_bytes)}{limit}{change}"


@dataclass(frozen=True, kw_only=True)
class ReportPlan:
    """The report itself; ``problems`` tells what could not be measured."""

    parts: tuple[Sized, ...]
    since: dt.datetime | None
    problems: tuple[str, ...] = field(default=())

    @property
    def summary(self) -> str:
        """Name the whole and the fullest part."""
        total = next((part for part in self.parts if part.name == "total"), None)
        limited = [part for part in self.parts if part.limit_bytes]
        fullest = max(limited, key=lambda part: part.size_bytes / (part.limit_bytes or 1), default=None)
        texts = [total.told()] if total else []
        if fullest is not None and fullest is not total:
            texts.append(f"the fullest is {fullest.told()}")
        return "; ".join([*texts, *self.problems]) or "nothing could be measured"

    @property
    def empty(self) -> bool:
        """A report is never needless."""
        return False

    def rows(self) -> list[tuple[str, ...]]:
        """Give one row per part."""
        return [
            ("part", "size", "limit", "the report before"),
            *(
                (
                    part.name,
                    format_size(part.size_bytes),
                    format_size(part.limit_bytes) if part.limit_bytes else "-",
                    format_size(part.before_bytes) if part.before_bytes is not None else "-",
                )
                for part in self.parts
            ),
        ]

    def as_json(self) -> dict[str, Any]:
        """Give the report for a script and for the next report."""
        return {
            "since": self.since.isoformat() if self.since else None,
            "sizes": {part.name: part.size_bytes for part in self.parts},
            "limits": {part.name: part.limit_bytes for part in self.parts if part.limit_bytes},
            "problems": list(self.problems),
        }


class ReportStorage:
    """The action ``report_storage``."""

    name = NAME
    summary = "Write a report of all sizes into the history, with the growth since the report before."
    Options: type[Model] = ReportStorageOptions

    def resources(self, config: Config, options: ReportStorageOptions) -> tuple[str, ...]:
        """Nothing is locked: nothing is changed."""
        return ()

    def plan(self, context: Context, options: ReportStorageOptions) -> ReportPlan:
        """Measure; what cannot be measured is told and holds up nothing else."""
        problems: list[str] = []
        last = last_details(context.config, NAME)
        before: Mapping[str, int] = last[1].get("sizes", {}) if last else {}
        parts = [
            Sized(name=name, size_bytes=size, limit_bytes=limit, before_bytes=before.get(name))
            for name, size, limit in _sizes(context, problems)
        ]
        return ReportPlan(
            parts=tuple(parts),
            since=dt.datetime.fromtimestamp(last[0], tz=dt.UTC) if last else None,
            problems=tuple(problems),
        )

    def perform(self, context: Context, options: ReportStorageOptions, plan: ReportPlan) -> Outcome:
        """Leave a line of the report for each part in the run's log."""
        for number, part in enumerate(plan.parts, 1):
            context.report(Progress(done=number, total=len(plan.parts), unit="parts", note=part.told()))
        return Outcome(summary=plan.summary, details=plan.as_json())


def _sizes(context: Context, problems: list[str]) -> Iterator[tuple[str, int, int | None]]:
    """Yield name, bytes and limit of everything: databases, areas, their sum, disks."""
    for part in UsageReader(context.config, describe=context.shop.describe).parts():
        resource = part.resource
        name = "total" if resource.kind == STORAGE else f"{resource.kind} {resource.name}".strip()
        if part.problem:
            problems.append(f"not measured: {part.problem}")
        elif part.used_bytes is not None:
            yield name, part.used_bytes, part.capacity_bytes
