"""What happened to the files of an area while they were backed up."""

from collections.abc import Collection
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from actions.backups.sum_lines import readable
from storekeeper.config import Config
from storekeeper.files.reasons import ANOTHER_FILESYSTEM, NOT_READABLE

# The manifest names so many files of each sort; the counts count all.
_NAMED: Final = 1000


@dataclass(kw_only=True)
class Tally:
    """What has happened so far, in counts, and by name for the first ones."""

    elsewhere: Collection[str]
    """Folders of other filesystems that are areas of their own, and so not missing here."""
    files: int = 0
    folders: int = 0
    changed: dict[str, str] = field(default_factory=dict)
    changed_files: int = 0
    left_out: dict[str, str] = field(default_factory=dict)
    left_out_files: int = 0
    missing: int = 0
    first_missing: str = ""

    @classmethod
    def of(cls, config: Config, *, root: Path) -> "Tally":
        """Return the empty one of an area's root."""
        areas = [area.path for area in config.areas.values()]
        return cls(elsewhere={str(one.relative_to(root)) for one in areas if root in one.parents})

    @property
    def lacks(self) -> str:
        """Return what is missing, ``""`` where nothing is."""
        more = f" and {self.missing - 1} more" if self.missing > 1 else ""
        return f"it lacks {self.first_missing}{more}" if self.missing else ""

    def leave_out(self, name: str, why: str) -> None:
        """Count what is not in the backup."""
        if why.startswith(NOT_READABLE) or (why == ANOTHER_FILESYSTEM and name not in self.elsewhere):
            self._miss(name, why)
        self.left_out_files += 1
        if len(self.left_out) < _NAMED:
            self.left_out[readable(name)] = why

    def note_change(self, name: str, how: str) -> None:
        """Count a file that changed while it was read."""
        if how.startswith(NOT_READABLE):
            self._miss(name, how)
        self.changed_files += 1
        if len(self.changed) < _NAMED:
            self.changed[readable(name)] = how

    def _miss(self, name: str, why: str) -> None:
        self.missing += 1
        self.first_missing = self.first_missing or f"{readable(name) or 'the whole area'} ({why})"
