"""
What is about to lose its rows, written down before the rows go.

Rows go first, then their files. A run that is killed in between would leave files that nothing names any
more; the next run finds them here, and removes those that are still the same files and that no row names.
"""

import json
import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from storekeeper.files import FoundFile
from storekeeper.files.atomic import sync_folder
from storekeeper.files.private import make_private_folder


@dataclass(frozen=True, kw_only=True)
class JournalEntry:
    """One file: its name below ``root`` and what tells whether it is still the same."""

    root: str
    name: str
    size_bytes: int
    modified_ns: int
    inode: int

    def means(self, file: FoundFile) -> bool:
        """Tell whether ``file`` is the one that was written down, unchanged."""
        mine = (self.name, self.size_bytes, self.modified_ns, self.inode)
        return mine == (file.name, file.size_bytes, file.modified_ns, file.inode)


class RemovalJournal:
    """A file in the state folder; what it holds is on the disk when ``write`` returns."""

    def __init__(self, folder: Path, *, name: str) -> None:
        self.path = folder / f"{name}.journal"

    def write(self, root: Path, files: Iterable[FoundFile]) -> None:
        """Replace what is there by these files below ``root``."""
        make_private_folder(self.path.parent)
        fresh = not self.path.exists()
        with self.path.open("w", encoding="utf-8") as stream:
            for file in files:
                entry = [os.fspath(root), file.name, file.size_bytes, file.modified_ns, file.inode]
                stream.write(json.dumps(entry) + "\n")
            stream.flush()
            os.fsync(stream.fileno())
        if fresh:
            sync_folder(self.path.parent)

    def entries(self) -> Iterator[JournalEntry]:
        """Give what is written down; a line that a crash cut short was written before any row went."""
        try:
            lines = self.path.read_text("utf-8").splitlines()
        except FileNotFoundError:
            return
        for line in lines:
            try:
                root, name, size_bytes, modified_ns, inode = json.loads(line)
            except ValueError:
                continue
            yield JournalEntry(
                root=root, name=name, size_bytes=size_bytes, modified_ns=modified_ns, inode=inode
            )

    def clear(self) -> None:
        """Forget everything: no removal is unfinished."""
        self.path.unlink(missing_ok=True)
