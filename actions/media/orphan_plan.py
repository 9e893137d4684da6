"""What a cleanup of orphaned media would do."""

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from actions.media.approvals import Approval
from actions.media.quarantine import QuarantineRun
from storekeeper.files import FoundFile
from storekeeper.units import format_size

WAIT_FOR_APPROVAL: Final = (
    "an operator has to approve a folder once before its files move unattended"
    " (storekeeper cleanup_orphaned_media --approve)"
)
# A sentence with more folders would be read by no one; --json lists all.
FOLDERS_SHOWN: Final = 5


@dataclass(frozen=True, kw_only=True)
class QuarantinedFiles:
    """Files of one earlier run."""

    run: QuarantineRun
    files: tuple[FoundFile, ...]


@dataclass(frozen=True, kw_only=True)
class NotJudged:
    """A folder whose unnamed files stay, whatever they are, and why; ``""`` is the area itself."""

    folder: str
    files: int
    size_bytes: int
    reason: str


@dataclass(frozen=True, kw_only=True)
class OrphanPlan:
    """
    ``moves`` go into quarantine, ``purges`` out of it for good, ``returns`` back to their old place.

    ``over_budget`` says, where it is not empty, why the run would stop before it moves anything;
    ``over_budget_approved`` says it of the files in approved folders alone. ``folder_of`` tells the folder,
    as approvals name it, of each file that moves; ``approved`` holds the approvals of those folders.
    ``not_judged`` are folders of the area whose files are none of this action, with the reason.
    """

    area: str
    moves: tuple[FoundFile, ...] = ()
    purges: tuple[QuarantinedFiles, ...] = ()
    returns: tuple[QuarantinedFiles, ...] = ()
    notes: tuple[str, ...] = ()
    over_budget: str = ""
    over_budget_approved: str = ""
    folder_of: Mapping[str, str] = field(default_factory=dict)
    approved: Mapping[str, Approval] = field(default_factory=dict)
    not_judged: tuple[NotJudged, ...] = ()

    @property
    def empty(self) -> bool:
        """True when there is nothing to do."""
        return not (self.moves or self.purges or self.returns)

    @property
    def folders(self) -> dict[str, list[int]]:
        """Return folder → the sizes of the files that would move out of it."""
        sizes: dict[str, list[int]] = {}
        for file in self.moves:
            sizes.setdefault(self.folder_of[file.name], []).append(file.size_bytes)
        return dict(sorted(sizes.items()))

    @property
    def unapproved(self) -> dict[str, list[int]]:
        """Return the folders that no operator has approved yet, with the sizes of their files that move."""
        return {folder: sizes for folder, sizes in self.folders.items() if folder not in self.approved}

    def moves_of(self, folders: Collection[str]) -> tuple[FoundFile, ...]:
        """Return the files that move out of these folders."""
        return tuple(file for file in self.moves if self.folder_of[file.name] in folders)

    @property
    def waits_for(self) -> str:
        """Say which files an operator has to approve first, ``""`` where every folder is approved."""
        return told_folders(self.unapproved)

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
        if self.unapproved:
            text += f"; {self.waits_for}: {WAIT_FOR_APPROVAL}"
        if self.not_judged:
            text += f"; {told_not_judged(self.not_judged)}"
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
            "folders": [
                {
                    "folder": folder,
                    "files": len(sizes),
                    "bytes": sum(sizes),
                    "approved": self.approved[folder].as_json() if folder in self.approved else None,
                }
                for folder, sizes in self.folders.items()
            ],
            "not_judged": [
                {"folder": one.folder, "files": one.files, "bytes": one.size_bytes, "reason": one.reason}
                for one in self.not_judged
            ],
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


def told_folders(folders: Mapping[str, list[int]]) -> str:
    """Say how many files of how many bytes lie in the folders, and name these."""
    if not folders:
        return ""
    sizes = [size for sizes in folders.values() for size in sizes]
    shown = [folder or "the area itself" for folder in list(folders)[:FOLDERS_SHOWN]]
    more = f" and {len(folders) - len(shown)} more folders" if len(folders) > len(shown) else ""
    return f"{len(sizes)} files ({format_size(sum(sizes))}) in {', '.join(shown)}{more}"


def told_not_judged(folders: tuple[NotJudged, ...]) -> str:
    """Say how many files lie in folders that are not judged, and name the largest with the reason."""
    largest = sorted(folders, key=lambda one: -one.files)[:FOLDERS_SHOWN]
    shown = [f"{one.folder or 'the area itself'} ({one.reason})" for one in largest]
    more = f" and {len(folders) - len(shown)} more" if len(folders) > len(shown) else ""
    files = sum(one.files for one in folders)
    return f"{files} files are not judged, in {', '.join(shown)}{more}"
