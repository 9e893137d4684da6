"""
List the largest files of all areas, the biggest first; nothing is changed.

A file is listed when it is larger than ``--over`` (``large_files.over`` of the config), at most ``--most`` of
them. Sizes are what a reader of the file would get, not what it takes on the disk; a file with several names
is listed once.
"""

import datetime as dt
import heapq
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import Field

from actions.action import Context, Outcome, Progress
from storekeeper.config import Config
from storekeeper.config.fields import Model, Size
from storekeeper.files import FoundFile, Tree
from storekeeper.units import format_size

_REPORT_FILES = 1000


class FindLargeFilesOptions(Model):
    """What a person may choose."""

    over: Size | None = Field(
        default=None, description="List files larger than this, such as 10MB (default: the config's)."
    )
    most: int = Field(default=100, ge=1, le=100_000, description="List at most this many.")


@dataclass(frozen=True, kw_only=True)
class LargeFile:
    """A large file of an area."""

    area: str
    file: FoundFile


@dataclass(frozen=True, kw_only=True)
class LargeFiles:
    """The listing; ``count`` and ``size_bytes`` are of all large files, also of those that are not listed."""

    over_bytes: int
    files: tuple[LargeFile, ...]
    count: int
    size_bytes: int
    notes: tuple[str, ...] = ()

    @property
    def empty(self) -> bool:
        """True: there is never anything to change."""
        return True

    @property
    def summary(self) -> str:
        """One sentence for a person."""
        text = (
            f"{self.count} files over {format_size(self.over_bytes)}, {format_size(self.size_bytes)} together"
        )
        if self.count > len(self.files):
            text += f"; the {len(self.files)} largest are listed"
        return "; ".join([text, *self.notes])

    def rows(self) -> list[tuple[str, ...]]:
        """Give the table for a person."""
        return [
            ("area", "file", "size", "changed"),
            *(
                (
                    one.area,
                    one.file.name,
                    format_size(one.file.size_bytes),
                    f"{_moment(one.file):%Y-%m-%d %H:%M}",
                )
                for one in self.files
            ),
        ]

    def as_json(self) -> dict[str, Any]:
        """Give the whole listing for a script."""
        return {
            "over_bytes": self.over_bytes,
            "count": self.count,
            "size_bytes": self.size_bytes,
            "files": [
                {
                    "area": one.area,
                    "file": one.file.name,
                    "size_bytes": one.file.size_bytes,
                    "allocated_bytes": one.file.allocated_bytes,
                    "modified": _moment(one.file).isoformat(),
                }
                for one in self.files
            ],
            "notes": list(self.notes),
        }


class FindLargeFiles:
    """The action; see the module's description for its rules."""

    name = "find_large_files"
    summary = "List the largest files of all areas, the biggest first."
    Options: type[Model] = FindLargeFilesOptions

    def resources(self, config: Config, options: FindLargeFilesOptions) -> tuple[str, ...]:
        """Give nothing: a look needs no lock."""
        return ()

    def plan(self, context: Context, options: FindLargeFilesOptions) -> LargeFiles:
        """Walk all areas once; memory holds the listed files only. Raises UnsafePath."""
        config = context.config
        over = config.large_files.over if options.over is None else options.over
        roots = {name: area.path for name, area in config.areas.items()}
        notes = [f"{name}: there is no folder {path}" for name, path in roots.items() if not path.is_dir()]
        heap: list[tuple[int, int, LargeFile]] = []
        count = size = 0
        for number, found in enumerate(_large_files(context, roots=roots, over=over)):
            count += 1
            size += found.file.size_bytes
            # The number keeps equal sizes in the order they were found, and files from being compared.
            entry = (found.file.size_bytes, -number, found)
            if len(heap) < options.most:
                heapq.heappush(heap, entry)
            else:
                heapq.heappushpop(heap, entry)
        return LargeFiles(
            over_bytes=over,
            files=tuple(entry[2] for entry in sorted(heap, key=lambda entry: entry[:2], reverse=True)),
            count=count,
            size_bytes=size,
            notes=tuple(notes),
        )

    def perform(self, context: Context, options: FindLargeFilesOptions, plan: LargeFiles) -> Outcome:
        """Give the listing; nothing is done."""
        return Outcome(summary=plan.summary, details=plan.as_json())


def _large_files(context: Context, *, roots: dict[str, Path], over: int) -> Iterator[LargeFile]:
    # An area may lie in another one, and a file may have several names.
    seen: set[tuple[int, int]] = set()
    walked = 0
    for name, path in roots.items():
        if not path.is_dir():
            continue
        with Tree(path) as tree:
            for file in tree.walk():
                walked += 1
                if walked % _REPORT_FILES == 0:
                    context.report(Progress(done=walked))
                if file.size_bytes > over and (file.device, file.inode) not in seen:
                    seen.add((file.device, file.inode))
                    yield LargeFile(area=name, file=file)


def _moment(file: FoundFile) -> dt.datetime:
    return dt.datetime.fromtimestamp(file.modified).astimezone()
