"""
The entries of one directory with their attributes, in columns and in batches.

Columns, because the sums over a directory then run inside the interpreter's C loops; batches, because a
directory with a million files must not need a million names in memory.
"""

import errno
import os
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

BATCH_ENTRIES = 4096


@dataclass(slots=True, kw_only=True)
class Entries:
    """
    Attributes of some entries of one directory, one list per attribute, all in the same order.

    ``blocks`` are units of 512 bytes, ``modified`` whole seconds. ``devices`` can be compared
    only with the number that ``device_number`` gives for the same source. ``plain`` tells that all are known
    to be regular files with one name on one device; then ``inodes`` may be missing. ``joined`` are the names
    as the system has them with a NUL between each two, where they are at hand.
    """

    names: list[str]
    modes: list[int]
    links: list[int]
    devices: list[int]
    inodes: list[int]
    sizes: list[int]
    blocks: list[int]
    modified: list[int]
    problems: list[tuple[str, str]]
    plain: bool = False
    joined: bytes = b""

    def pick(self, indexes: list[int]) -> "Entries":
        """Give only the entries at these places, without the problems."""
        columns: dict[str, Any] = {name: chosen(getattr(self, name), indexes) for name in COLUMN_NAMES}
        return Entries(**columns, problems=[])


COLUMN_NAMES = ("names", "modes", "links", "devices", "inodes", "sizes", "blocks", "modified")


def chosen(column: list[Any], indexes: list[int]) -> list[Any]:
    """Give these places of a column, nothing of one that is missing."""
    return [column[index] for index in indexes] if column else []


def read_portable(directory: int | Path) -> Iterator[Entries]:
    """
    Read a directory, given by descriptor or by path, with what every system's Python offers.

    Entries that vanish meanwhile are left out; those that cannot be looked at are in ``problems``.
    """
    with os.scandir(directory) as iterator:
        while batch := list(islice(iterator, BATCH_ENTRIES)):
            names: list[str] = []
            found: list[os.stat_result] = []
            problems: list[tuple[str, str]] = []
            for entry in batch:
                try:
                    # Windows leaves out links and inode unless the file itself is asked.
                    status = entry.stat(follow_symlinks=False) if os.name != "nt" else os.lstat(entry.path)
                except OSError as error:
                    if error.errno != errno.ENOENT:
                        problems.append((entry.name, error.strerror or "unreadable"))
                    continue
                names.append(entry.name)
                found.append(status)
            yield Entries(
                names=names,
                modes=[status.st_mode for status in found],
                links=[status.st_nlink for status in found],
                devices=[status.st_dev for status in found],
                inodes=[status.st_ino for status in found],
                sizes=[status.st_size for status in found],
                blocks=[blocks_of(status) for status in found],
                modified=[int(status.st_mtime_ns // 1_000_000_000) for status in found],
                problems=problems,
            )


def blocks_of(status: os.stat_result) -> int:
    """Give the allocated blocks of 512 bytes; where the system does not tell (Windows), those of the size."""
    blocks = getattr(status, "st_blocks", None)
    return -(-status.st_size // 512) if blocks is None else int(blocks)
