"""What a log rotation would do: which logs are due, in which way, and which archives are past their time."""

import enum
from dataclasses import dataclass
from typing import Any

from storekeeper.files import FoundFile
from storekeeper.measure.log_periods import Period, archive_name
from storekeeper.units import format_size


class Way(enum.StrEnum):
    """How a log is rotated, which its LOGGING handler decides."""

    IN_PLACE = "in place"
    """Lines are cut from the front of the file, which keeps its name."""
    RENAME = "rename"
    """The handler opens a new file when its file has got another name (WatchedFileHandler)."""
    HANDLER_FILE = "rotated by its handler"
    """A file such as ``security.log.1`` that a rotating handler has put away."""
    WAITING = "put aside"
    """An earlier run has renamed it; it is archived once no process has it open."""


@dataclass(frozen=True, kw_only=True)
class PlannedLog:
    """A log to rotate: ``folder`` counts from the area's root, ``log`` is the log that it belongs to."""

    area: str
    folder: str
    name: str
    log: str
    way: Way
    file: FoundFile
    period: Period
    why: str
    rotating_handler: bool = False

    def archive(self, part: int = 1) -> str:
        """Return the name of its archive; ``part`` counts on where other files have that name."""
        return archive_name(self.log, period=self.period, part=part)

    @property
    def path(self) -> str:
        """Give the name below the area's root."""
        return f"{self.folder}/{self.name}" if self.folder else self.name


@dataclass(frozen=True, kw_only=True)
class LeftLog:
    """A log that stays as it is, and why."""

    area: str
    name: str
    why: str


@dataclass(frozen=True, kw_only=True)
class LogPlan:
    """
    The whole plan.

    ``unfinished`` are folders in which a killed run has left a rotation half done, ``empties`` closed files
    of rotating handlers that hold nothing, ``later`` moments that files tell and that lie ahead of the clock.
    """

    logs: tuple[PlannedLog, ...]
    left: tuple[LeftLog, ...]
    expired: tuple[tuple[str, FoundFile], ...]
    archives: int
    unfinished: tuple[tuple[str, str], ...]
    empties: tuple[tuple[str, FoundFile], ...] = ()
    later: tuple[int, ...] = ()
    notes: tuple[str, ...] = ()

    @property
    def size_bytes(self) -> int:
        """Give the bytes of the logs that are due."""
        return sum(log.file.size_bytes for log in self.logs)

    @property
    def expired_bytes(self) -> int:
        """Give the bytes of the archives that would be removed."""
        return sum(file.size_bytes for _, file in self.expired)

    @property
    def empty(self) -> bool:
        """True when there is nothing to do."""
        return not (self.logs or self.expired or self.unfinished or self.empties)

    @property
    def summary(self) -> str:
        """One sentence for a person."""
        if self.empty:
            return "; ".join([f"no log is due ({len(self.left)} stay as they are)", *self.notes])
        text = (
            f"{len(self.logs)} logs ({format_size(self.size_bytes)}) would be archived,"
            f" {len(self.expired)} old archives ({format_size(self.expired_bytes)}) removed"
        )
        return "; ".join([text, *self.notes])

    def rows(self) -> list[tuple[str, ...]]:
        """Give the table for a person."""
        return [
            ("area", "file", "size", "what", "archive", "why"),
            *(
                (log.area, log.path, format_size(log.file.size_bytes), str(log.way), log.archive(), log.why)
                for log in self.logs
            ),
            *(
                (area, file.name, format_size(file.size_bytes), "remove", "", "past its time")
                for area, file in self.expired
            ),
            *(
                (area, file.name, "", "remove", "", "empty, and closed by its handler")
                for area, file in self.empties
            ),
            *((left.area, left.name, "", "stays", "", left.why) for left in self.left),
        ]

    def as_json(self) -> dict[str, Any]:
        """Give the whole plan for a script."""
        return {
            "logs": [
                {
                    "area": log.area,
                    "file": log.path,
                    "size_bytes": log.file.size_bytes,
                    "way": str(log.way),
                    "archive": log.archive(),
                    "why": log.why,
                }
                for log in self.logs
            ],
            "expired": [
                {"area": area, "file": file.name, "size_bytes": file.size_bytes}
                for area, file in self.expired
            ],
            "empty": [{"area": area, "file": file.name} for area, file in self.empties],
            "left": [{"area": left.area, "file": left.name, "why": left.why} for left in self.left],
            "unfinished": [{"area": area, "folder": folder} for area, folder in self.unfinished],
            "notes": list(self.notes),
        }
