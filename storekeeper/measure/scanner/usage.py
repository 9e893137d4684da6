"""What a scan found: values only."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from storekeeper.measure.scanner.table import TreeState


@dataclass(frozen=True, kw_only=True)
class GroupUsage:
    """One folder of the tree with everything below it, counted as the tree is."""

    size_bytes: int = 0
    allocated_bytes: int = 0
    files: int = 0
    directories: int = 0


@dataclass(frozen=True, kw_only=True)
class LargeFile:
    """A file over the limit; ``path`` is relative to the root, ``modified`` in whole seconds since 1970."""

    path: str
    size_bytes: int
    modified: int


@dataclass(frozen=True, kw_only=True)
class ScanProblem:
    """Something that could not be read; ``path`` is relative to the root, ``reason`` the system's words."""

    path: str
    reason: str


@dataclass(frozen=True, kw_only=True)
class TreeUsage:
    """
    One tree, measured.

    ``size_bytes`` are the apparent bytes of files and symbolic links, without those of the directories, which
    differ from filesystem to filesystem: ``du -sbx`` since coreutils 9.2. ``allocated_bytes`` equals
    ``du -sx --block-size=1``, directories included. Both count a file with several names once.
    ``files`` equals ``find -xdev -type f | wc -l`` (names of regular files), ``directories`` includes the
    root. ``oldest`` and ``newest`` are modification times of regular files in whole seconds, None without
    files. ``large_files`` counts names. ``problems`` holds the first of the ``errors``.
    ``started`` and ``finished`` come from the clock that the caller gave. ``state`` lets the next scan
    read only what changed.
    """

    root: Path
    size_bytes: int
    allocated_bytes: int
    files: int
    directories: int
    oldest: int | None
    newest: int | None
    groups: Mapping[str, GroupUsage]
    large_files: int
    largest: tuple[LargeFile, ...]
    errors: int
    problems: tuple[ScanProblem, ...]
    directories_read: int
    directories_reused: int
    started: float
    finished: float
    state: TreeState = field(repr=False, compare=False)
