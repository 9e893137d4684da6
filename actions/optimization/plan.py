"""What an optimization would do to each database, and what keeps it from being done."""

from dataclasses import dataclass
from typing import Any

from actions.optimization.unused_data import Unused
from actions.scope import Database
from storekeeper.units import format_size


@dataclass(frozen=True, kw_only=True)
class PlannedDatabase:
    """A database to optimize: its size, what may be given back (None where unknown), what looks unused."""

    database: Database
    size_bytes: int
    reclaimable_bytes: int | None
    needed_bytes: int
    steps: tuple[str, ...]
    backup: str
    refusal: str
    unused: tuple[Unused, ...]


@dataclass(frozen=True, kw_only=True)
class OptimizePlan:
    """The whole plan; a database without a fresh verified backup carries its refusal."""

    databases: tuple[PlannedDatabase, ...]

    @property
    def empty(self) -> bool:
        """True when the config names no database."""
        return not self.databases

    @property
    def refusals(self) -> list[str]:
        """Give why it would not be done, one sentence for each database."""
        return [one.refusal for one in self.databases if one.refusal]

    @property
    def summary(self) -> str:
        """One sentence for a person."""
        names = ", ".join(f"{one.database.name} ({format_size(one.size_bytes)})" for one in self.databases)
        return "; ".join([f"would optimize {names}", *self.refusals])

    def rows(self) -> list[tuple[str, ...]]:
        """Give the table for a person: the databases, then what looks unused in them."""
        return [
            ("database", "size", "what"),
            *(
                (one.database.name, format_size(one.size_bytes), "; ".join(one.steps))
                for one in self.databases
            ),
            *(
                (one.database.name, "", f"look at: {unused.text}")
                for one in self.databases
                for unused in one.unused
            ),
        ]

    def as_json(self) -> dict[str, Any]:
        """Give the whole plan for a script."""
        return {
            "databases": [
                {
                    "database": one.database.name,
                    "size_bytes": one.size_bytes,
                    "reclaimable_bytes": one.reclaimable_bytes,
                    "needed_bytes": one.needed_bytes,
                    "steps": list(one.steps),
                    "backup": one.backup,
                    "refusal": one.refusal,
                    "unused": [unused.as_json() for unused in one.unused],
                }
                for one in self.databases
            ]
        }
