"""Compare an area with the list of sums of its backup: every file is there and whole, and no other."""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Final

from actions.backups.media_check import lines_of
from actions.backups.sum_lines import parse_sum_line, readable
from storekeeper.backups import Backup
from storekeeper.errors import UnsafePath
from storekeeper.files import Tree

_SHOWN: Final = 5
_READ_BYTES: Final = 1 << 20


@dataclass(kw_only=True)
class AreaComparison:
    """How many files agree, and what differs: the first names and how many there are."""

    files: int = 0
    differing: int = 0
    first: list[str] = field(default_factory=list)
    more: int = 0
    """Files that the backup does not hold."""

    @property
    def equal(self) -> bool:
        """Return whether every file is as it was backed up, and no other is there."""
        return not (self.differing or self.more)

    @property
    def told(self) -> str:
        """Say what was found."""
        if self.equal:
            return f"{self.files} files are as they were backed up, byte for byte"
        parts = []
        if self.differing:
            others = (
                f" and {self.differing - len(self.first)} more" if self.differing > len(self.first) else ""
            )
            parts.append(f"{self.differing} files differ or are missing: {', '.join(self.first)}{others}")
        if self.more:
            parts.append(f"{self.more} files are there that the backup does not hold")
        return "; ".join(parts)

    def note(self, name: str) -> None:
        """Count a file that differs."""
        self.differing += 1
        if len(self.first) < _SHOWN:
            self.first.append(readable(name))


def compare_area(
    root: Path, backup: Backup, *, report: Callable[[int], None] = lambda done: None
) -> AreaComparison:
    """Read every file again that the backup's list of sums names, and count all that are there."""
    result = AreaComparison()
    present = 0
    with Tree(root) as tree:
        for line in lines_of(backup.path.with_name(backup.manifest.sums_file)):
            full, sha256 = parse_sum_line(line)
            # An archive names its files below the folder that was backed up, a snapshot right in it.
            name = full if backup.manifest.snapshot_id else full.partition("/")[2]
            try:
                with tree.open(name) as file:
                    same = _sum(file) == sha256
                present += 1
            except (OSError, UnsafePath):
                same = False
            if same:
                result.files += 1
            else:
                result.note(name)
            report(result.files)
        there = sum(1 for _ in tree.walk())
    # Names are unique, so a file too many shows in the number.
    result.more = max(0, there - present)
    return result


def _sum(file: IO[bytes]) -> str:
    sums = hashlib.sha256()
    while data := file.read(_READ_BYTES):
        sums.update(data)
    return sums.hexdigest()
