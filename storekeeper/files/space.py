"""How much room a disk has, asked before anything is written."""

import os
import shutil
from pathlib import Path

from storekeeper.errors import NotEnoughSpace
from storekeeper.units import format_size


def free_bytes(path: Path) -> int:
    """Give the bytes that we may write below ``path``; the nearest existing folder answers."""
    while not path.exists() and path != path.parent:
        path = path.parent
    return shutil.disk_usage(path).free


def require_free_bytes(path: Path, *, needed_bytes: int, purpose: str) -> None:
    """Raise NotEnoughSpace unless the disk below ``path`` has room for ``needed_bytes``."""
    free = free_bytes(path)
    if free < needed_bytes:
        raise NotEnoughSpace(
            f"{purpose} needs {format_size(needed_bytes)} below {path}, where {format_size(free)} are free",
            hint="Nothing was written. storekeeper find_large_files shows what takes the room",
        )


def require_free_files(path: Path, *, needed: int, purpose: str) -> None:
    """Raise NotEnoughSpace unless the disk below ``path`` takes so many files, where it has such a limit."""
    if not hasattr(os, "statvfs"):
        return
    while not path.exists() and path != path.parent:
        path = path.parent
    status = os.statvfs(path)
    # Filesystems without a limit say that they have none at all.
    if status.f_files and status.f_favail < needed:
        raise NotEnoughSpace(
            f"{purpose} makes {needed} files below {path}, whose disk takes {status.f_favail} more",
            hint="Nothing was written. df -i shows it; a disk with more inodes is needed",
        )
