"""What a cleanup of QR codes would remove, and why."""

import enum
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

from storekeeper.files import FoundFile
from storekeeper.units import format_size


class Reason(enum.StrEnum):
    """Why an image goes."""

    EXPIRED = "expired"
    """Its row expired longer ago than images are kept."""
    UNEXPIRED = "unexpired"
    """Its file is that old, though its row has not expired; only with ``--force``."""
    OLD = "old"
    """Its kind has no rows, and the file is older than images are kept."""
    ORPHANED = "orphaned"
    """Its kind has rows, but none names it: it goes into quarantine."""
    UNFINISHED = "unfinished"
    """Its row went in a run that was cut short before the file followed."""


@dataclass(frozen=True, kw_only=True, slots=True)
class PlannedFile:
    """A file that no row names."""

    kind: str
    reason: Reason
    area: str
    file: FoundFile


@dataclass(frozen=True, kw_only=True, slots=True)
class PlannedRow:
    """
    A row that goes (or whose field is emptied), and with it the file that no other row names.

    ``file`` is None where the file is missing, another row needs it, or a later planned row takes it along.
    """

    kind: str
    reason: Reason
    area: str
    database: str
    key: str
    name: str
    file: FoundFile | None


@dataclass(frozen=True, kw_only=True)
class QrCodePlan:
    """
    Files without rows first (they need no database), then rows with their files, in the order of removal.

    ``before`` holds the moment, in seconds since 1970, before which each kind's images go. ``over_budget``
    says, where it is not empty, why the run would stop before it removes anything; ``all_at_once`` of which
    kind every image would go: so it looks where a clock is wrong.
    """

    files: tuple[PlannedFile, ...]
    rows_to_go: tuple[PlannedRow, ...]
    before: dict[str, float]
    notes: tuple[str, ...] = ()
    over_budget: str = ""
    all_at_once: str = ""

    @property
    def size_bytes(self) -> int:
        """Return the bytes of all files that would be removed; what is quarantined frees nothing yet."""
        return sum(
            item.file.size_bytes
            for item in self._all()
            if item.file is not None and item.reason is not Reason.ORPHANED
        )

    @property
    def orphans(self) -> int:
        """Return the number of files that would go into quarantine."""
        return sum(1 for item in self.files if item.reason is Reason.ORPHANED)

    @property
    def file_count(self) -> int:
        """Give the number of files that would go."""
        return sum(1 for item in self._all() if item.file is not None)

    @property
    def empty(self) -> bool:
        """True when nothing would go."""
        return not (self.files or self.rows_to_go)

    @property
    def summary(self) -> str:
        """One sentence: how many files and rows, how many bytes, and what stays in the way."""
        if self.empty:
            text = "no QR code is to go"
        else:
            size = format_size(self.size_bytes)
            removed = self.file_count - self.orphans
            text = f"{removed} files ({size}) and {len(self.rows_to_go)} rows would go"
            if self.orphans:
                text += f"; {self.orphans} orphaned files would go into quarantine"
        if self.over_budget:
            text += f"; it would stop: {self.over_budget}"
        return "; ".join([text, *self.notes])

    def counts(self) -> dict[str, dict[str, dict[str, int]]]:
        """Give kind → reason → {files, bytes, rows}."""
        result: dict[str, dict[str, dict[str, int]]] = {}
        for item in self._all():
            counted = result.setdefault(item.kind, {}).setdefault(
                item.reason.value, {"files": 0, "bytes": 0, "rows": 0}
            )
            if item.file is not None:
                counted["files"] += 1
                counted["bytes"] += item.file.size_bytes
            if isinstance(item, PlannedRow):
                counted["rows"] += 1
        return result

    def rows(self) -> list[tuple[str, ...]]:
        """Give the table for a person: kind, why, file, size, row."""
        table: list[tuple[str, ...]] = [("kind", "why", "file", "size", "row")]
        for item in self._all():
            row = item.key if isinstance(item, PlannedRow) else ""
            if item.file is not None:
                size = format_size(item.file.size_bytes)
                table.append((item.kind, item.reason, item.file.name, size, row))
            else:
                table.append((item.kind, item.reason, item.name, "stays or is missing", row))
        return table

    def as_json(self) -> dict[str, Any]:
        """Give every file and every row, with the counts."""
        return {
            "summary": self.summary,
            "files": self.file_count,
            "bytes": self.size_bytes,
            "rows": len(self.rows_to_go),
            "counts": self.counts(),
            "notes": list(self.notes),
            "over_budget": self.over_budget,
            "items": [_as_json(item) for item in self._all()],
        }

    def _all(self) -> Iterator[PlannedFile | PlannedRow]:
        yield from self.files
        yield from self.rows_to_go


def each_file_once(rows: Sequence[PlannedRow], *, area: str, stay: Collection[str]) -> list[PlannedRow]:
    """Leave each file of the area with the last of its rows, and with none where it is to stay."""
    last = {row.file.name: index for index, row in enumerate(rows) if row.area == area and row.file}
    return [
        row
        if row.area != area
        or row.file is None
        or (last[row.file.name] == index and row.file.name not in stay)
        else replace(row, file=None)
        for index, row in enumerate(rows)
    ]


def _as_json(item: PlannedFile | PlannedRow) -> dict[str, Any]:
    told: dict[str, Any] = {
        "kind": item.kind,
        "reason": item.reason.value,
        "area": item.area,
        "file": item.file.name if item.file else None,
        "size_bytes": item.file.size_bytes if item.file else 0,
    }
    if isinstance(item, PlannedRow):
        told |= {"database": item.database, "row": item.key, "name": item.name}
    return told
