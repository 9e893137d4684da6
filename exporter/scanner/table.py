"""
What is remembered of a tree: one row per directory, in columns.

Columns of machine integers, since a tree of 300,000 directories as Python objects would need hundreds of
megabytes. Parents stand before their children; row 0 is the root. What only few directories have (hard
links, large files, matches of a pattern) stands beside the columns, by row.
"""

from array import array
from collections.abc import Iterator
from dataclasses import dataclass, field

# Names of the columns with the array type code of each.
COLUMNS = {
    "parent": "q",
    "inode": "Q",
    "modified_ns": "q",
    "changed_ns": "q",
    "own_size": "q",
    "own_blocks": "q",
    "files": "q",
    "size": "q",
    "blocks": "q",
    "oldest": "q",
    "newest": "q",
    "errors": "q",
    "again": "b",
}
# Stand in the columns "oldest" and "newest" of a directory without regular files.
NO_OLDEST = 2**63 - 1
NO_NEWEST = -(2**63)


@dataclass(frozen=True, slots=True)
class LinkedFile:
    """A file with more than one name: counted with the first one met."""

    inode: int
    size: int
    blocks: int


@dataclass(slots=True, kw_only=True)
class DirectoryRecord:
    """
    One directory as it was read: itself, and the sums over its own entries (not over its subdirectories').

    ``size`` and ``blocks`` (of 512 bytes) leave out the subdirectories and the files in ``linked``.
    ``large`` holds (size, modified, name) of the biggest files over the limit, ``large_files`` their full
    number. ``matches`` holds for each kind the modification times and the sizes. ``again`` tells that the
    directory must be read by the next scan even if it looks unchanged.
    """

    path: str
    inode: int
    modified_ns: int
    changed_ns: int
    own_size: int
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
    matches: dict[str, tuple["array[int]", "array[int]"]] = field(default_factory=dict)
    problems: list[tuple[str, str]] = field(default_factory=list)
    subdirectories: list[str] = field(default_factory=list)


class TreeState:
    """
    The rows of one tree on one filesystem.

    ``fingerprint`` names the questions that the rows can answer, ``device`` the filesystem.
    """

    def __init__(self, *, fingerprint: str, device: int) -> None:
        self.fingerprint = fingerprint
        self.device = device
        self.paths: list[str] = []
        self.columns = {name: array(code) for name, code in COLUMNS.items()}
        self.linked: dict[int, list[LinkedFile]] = {}
        self.large: dict[int, tuple[int, list[tuple[int, int, str]]]] = {}
        self.matches: dict[int, dict[str, tuple[array[int], array[int]]]] = {}
        self.problems: dict[int, list[tuple[str, str]]] = {}

    def __len__(self) -> int:
        return len(self.paths)

    def append(self, record: DirectoryRecord, *, parent: int) -> int:
        """Add a directory that was read; give its row."""
        row = len(self.paths)
        self.paths.append(record.path)
        columns = self.columns
        columns["parent"].append(parent)
        for name in list(COLUMNS)[1:]:
            columns[name].append(getattr(record, name))
        if record.linked:
            self.linked[row] = record.linked
        if record.large_files:
            self.large[row] = (record.large_files, record.large)
        if record.matches:
            self.matches[row] = record.matches
        if record.problems:
            self.problems[row] = record.problems
        return row

    def copy_row(self, source: "TreeState", *, row: int, parent: int) -> int:
        """Take over a directory that did not change from an earlier state; give its new row."""
        new = len(self.paths)
        self.paths.append(source.paths[row])
        for name, column in self.columns.items():
            column.append(source.columns[name][row])
        self.columns["parent"][new] = parent
        for mine, theirs in zip(self._extras(), source._extras(), strict=True):
            if row in theirs:
                mine[new] = theirs[row]
        return new

    def _extras(self) -> Iterator[dict]:  # type: ignore[type-arg] # four dictionaries of different values
        yield from (self.linked, self.large, self.matches, self.problems)
