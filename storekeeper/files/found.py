"""A regular file as it was when somebody looked."""

import os
import stat
from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True, slots=True)
class FoundFile:
    """
    A regular file as it was when it was looked at.

    ``name`` is relative to the root, in the POSIX form, undecodable bytes as surrogates. Sizes are
    bytes, times nanoseconds since 1970. ``device`` and ``inode`` say later whether it is still this file.
    """

    name: str
    size_bytes: int
    allocated_bytes: int
    modified_ns: int
    changed_ns: int
    device: int
    inode: int
    links: int

    @property
    def modified(self) -> float:
        """Give the time of the last change of its content, in seconds."""
        return self.modified_ns / 1e9

    @property
    def youngest(self) -> float:
        """Give the later of both times in seconds: a copied-in file keeps an old mtime, but not its ctime."""
        return max(self.modified_ns, self.changed_ns) / 1e9

    def same_as(self, other: "FoundFile") -> bool:
        """Tell whether ``other`` is this file, unchanged."""
        mine = (self.device, self.inode, self.size_bytes, self.modified_ns)
        return mine == (other.device, other.inode, other.size_bytes, other.modified_ns)

    def is_still(self, status: os.stat_result) -> bool:
        """Tell whether a regular file with this status is this file, unchanged."""
        return (
            status.st_ino == self.inode
            and status.st_dev == self.device
            and status.st_mtime_ns == self.modified_ns
            and status.st_size == self.size_bytes
            and stat.S_ISREG(status.st_mode)
        )


def found_file(name: str, status: os.stat_result) -> FoundFile | None:
    """Give the file with this status, None where it is not a regular file."""
    if not stat.S_ISREG(status.st_mode):
        return None
    return FoundFile(
        name=name,
        size_bytes=status.st_size,
        allocated_bytes=getattr(status, "st_blocks", (status.st_size + 511) // 512) * 512,
        modified_ns=status.st_mtime_ns,
        changed_ns=status.st_ctime_ns,
        device=status.st_dev,
        inode=status.st_ino,
        links=status.st_nlink,
    )
