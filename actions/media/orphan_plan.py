"""What a cleanup of orphaned media would do."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from actions.media.quarantine import QuarantineRun
from storekeeper.files import FoundFile
from storekeeper.units import format_size


@dataclass(frozen=True, kw_only=True)
class QuarantinedFiles:
    """Files of one earlier run."""

    run: QuarantineRun
    files: tuple[FoundFile, ...]


@dataclass(frozen=True, kw_only=True)
class OrphanPlan:
    """
    ``moves`` go into quarantine, ``purges`` out of it for good, ``returns`` back to their old place.

    ``over_budget`` says, where it is not empty, why the run would stop before it moves anything.
    """

    area: str
    moves: tuple[FoundFile, ...] = ()
    purges: tuple[QuarantinedFiles, ...] = ()
    returns: tuple[QuarantinedFiles, ...] = ()
    notes: tuple[str, ...] = ()
    over_budget: str = ""

    @property
    def empty(self) -> bool:
        """True when there is nothing to do."""
        return not (self.moves or self.purges or self.returns)

    @property
    def summary(self) -> str:
        """One sentence: how many files would go where."""
        parts = [
            f"{len(sizes)} files ({format_size(sum(sizes))}) would {verb}"
            for verb, sizes in self._sizes().items()
            if sizes
        ]
        text = ", ".join(parts) or "no file is to move"
        if self.over_budget:
            text += f"; it would stop: {self.over_budget}"
        return "; ".join([text, *self.notes])

    def rows(self) -> list[tuple[str, ...]]:
        """Give the table for a person: what happens, the file, its size, the run that set it aside."""
        table: list[tuple[str, ...]] = [("what", "file", "size", "set aside")]
        for what, file, run in self._all():
            table.append((what, file.name, format_size(file.size_bytes), run))
        return table

    def as_json(self) -> dict[str, Any]:
        """Give every file with what happens to it."""
        return {
            "summary": self.summary,
            "area": self.area,
            "counts": {
                what: {"files": len(sizes), "bytes": sum(sizes)} for what, sizes in self._sizes().items()
            },
            "notes": list(self.notes),
            "over_budget": self.over_budget,
            "items": [
                {"what": what, "file": file.name, "size_bytes": file.size_bytes, "run": run}
                for what, file, run in self._all()
            ],
        }

    def _sizes(self) -> dict[str, list[int]]:
        sizes: dict[str, list[int]] = {"go into quarantine": [], "be purged": [], "come back": []}
        for what, file, _ in self._all():
            sizes[what].append(file.size_bytes)
        return sizes

    def _all(self) -> Iterator[tuple[str, FoundFile, str]]:
        for group in self.returns:
            for file in group.files:
                yield "come back", file, group.run.name
        for group in self.purges:
            for file in group.files:
                yield "be purged", file, group.run.name
        for file in self.moves:
            yield "go into quarantine", file, ""
