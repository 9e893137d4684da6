"""
What is remembered of a tree: one row per directory, in columns.

Columns of machine integers, since a tree of 300,000 directories as Python objects would need hundreds of
megabytes. Parents stand before their children; row 0 is the root. What only few directories have (hard
links, large files) stands beside the columns, by row.
"""

from array import array
from collections.abc import Collection
from dataclasses import dataclass, field
from itertools import compress
from typing import Any

# Names of the columns with the array type code of each.
COLUMNS = {
    "parent": "q",
    "inode": "Q",
    "modified_ns": "q",
    "changed_ns": "q",
    "own_blocks": "q",
    "files": "q",
    "size": "q",
    "blocks": "q",
    "oldest": "q",
    "newest": "q",
    "errors": "q",
    "again": "b",
}
# What a reading says of a directory; the parent is known before.
FIGURES = tuple(COLUMNS)[1:]
# Stand in the columns "oldest" and "newest" of a directory without regular files.
NO_OLDEST = 2**63 - 1
NO_NEWEST = -(2**63)


@dataclass(frozen=True, slots=True)
class LinkedFile:
    """A file with several names (``links``, also outside of the tree): its bytes count once."""

    inode: int
    links: int
    size: int
    blocks: int


@dataclass(slots=True, kw_only=True)
class DirectoryRecord:
    """
    One directory as it was read: itself, and the sums over its own entries (not over its subdirectories').

    ``size`` and ``blocks`` (of 512 bytes) leave out the subdirectories and the files in ``linked``.
    ``large`` holds (size, modified, name) of the biggest files over the limit, ``large_files`` their full
    number. ``listing`` is packed. ``again`` tells that the directory must be read by the next scan even if it
    looks unchanged.
    """

    path: str
    inode: int
    modified_ns: int
    changed_ns: int
    own_blocks: int
    files: int = 0
    size: int = 0
    blocks: int = 0
    oldest: int = NO_OLDEST
    newest: int = NO_NEWEST
    errors: int = 0
    again: bool = False
    linked: list[LinkedFile] = field(default_factory=list)
    large_files: int = 0
    large: list[tuple[int, int, str]] = field(default_factory=list)
    listing: bytes = b""
    problems: list[tuple[str, str]] = field(default_factory=list)
    subdirectories: list[str] = field(default_factory=list)


class TreeState:
    """
    The rows of one tree on one filesystem; whoever gets one leaves it as it is.

    ``fingerprint`` names the questions that the rows can answer, ``device`` the filesystem. ``listings`` are
    packed (``listing``), and empty unless the request asked for names. ``walked_at`` is when the last walk of
    every directory began (seconds since 1970).
    """

    def __init__(self, *, fingerprint: str, device: int, walked_at: float = 0.0) -> None:
        self.fingerprint = fingerprint
        self.device = device
        self.walked_at = walked_at
        self.paths: list[str] = []
        self.listings: list[bytes] = []
        self.columns = {name: array(code) for name, code in COLUMNS.items()}
        self.linked: dict[int, list[LinkedFile]] = {}
        self.large: dict[int, tuple[int, list[tuple[int, int, str]]]] = {}
        self.problems: dict[int, list[tuple[str, str]]] = {}
        # Sums that were worked out of the rows when those were complete, by folder.
        self.sums: dict[str, Any] = {}

    def __len__(self) -> int:
        return len(self.paths)

    def append(self, record: DirectoryRecord, *, parent: int) -> int:
        """Add a directory that was read; give its row."""
        self.paths.append(record.path)
        self.listings.append(record.listing)
        self.columns["parent"].append(parent)
        for name in FIGURES:
            self.columns[name].append(getattr(record, name))
        row = len(self.paths) - 1
        self._set_extras(record, row)
        return row

    def extend(self, fragment: "TreeState", *, parents: list[int]) -> int:
        """Add directories that another process read, each with its parent's row; give the first new row."""
        first = len(self.paths)
        self.paths += fragment.paths
        self.listings += fragment.listings
        for name in FIGURES:
            self.columns[name].extend(fragment.columns[name])
        self.columns["parent"].extend(parents)
        for mine, theirs in zip(self._extras(), fragment._extras(), strict=True):
            mine.update({first + row: value for row, value in theirs.items()})
        return first

    def replace(self, record: DirectoryRecord, *, row: int) -> None:
        """Put a new reading in the place of the old one of the same directory."""
        # What is the same stays the same object: states of one tree share it.
        if self.listings[row] != record.listing:
            self.listings[row] = record.listing
        for name in FIGURES:
            self.columns[name][row] = getattr(record, name)
        for extra in self._extras():
            extra.pop(row, None)
        self._set_extras(record, row)

    def copy(self) -> "TreeState":
        """Give a state that can be changed without changing this one."""
        new = TreeState(fingerprint=self.fingerprint, device=self.device, walked_at=self.walked_at)
        new.paths = self.paths.copy()
        new.listings = self.listings.copy()
        new.columns = {name: column[:] for name, column in self.columns.items()}
        for mine, theirs in zip(new._extras(), self._extras(), strict=True):
            mine.update(theirs)
        return new

    def without(self, dropped: Collection[int]) -> "TreeState":
        """Give a state without these rows; with a directory goes everything below it."""
        keep = bytearray(b"\1" * len(self))
        new_rows: dict[int, int] = {-1: -1}
        for row, parent in enumerate(self.columns["parent"]):
            if row in dropped or parent not in new_rows:
                keep[row] = 0
            else:
                new_rows[row] = len(new_rows) - 1
        new = TreeState(fingerprint=self.fingerprint, device=self.device, walked_at=self.walked_at)
        new.paths = list(compress(self.paths, keep))
        new.listings = list(compress(self.listings, keep))
        new.columns = {
            name: array(code, compress(self.columns[name], keep)) for name, code in COLUMNS.items()
        }
        new.columns["parent"] = array("q", (new_rows[parent] for parent in new.columns["parent"]))
        for mine, theirs in zip(new._extras(), self._extras(), strict=True):
            mine.update({new_rows[row]: value for row, value in theirs.items() if row in new_rows})
        return new

    def _set_extras(self, record: DirectoryRecord, row: int) -> None:
        if record.linked:
            self.linked[row] = record.linked
        if record.large_files:
            self.large[row] = (record.large_files, record.large)
        if record.problems:
            self.problems[row] = record.problems

    def _extras(self) -> tuple[dict[int, Any], ...]:
        return self.linked, self.large, self.problems
