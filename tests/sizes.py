"""The sizes of trees as the system's own programs tell them, whichever version of them is installed."""

import subprocess
import tempfile
from functools import cache
from pathlib import Path


def _first_number(*arguments: str | Path) -> int:
    """Return the first number that a program prints."""
    return int(subprocess.run(arguments, capture_output=True, check=True).stdout.split()[0])


@cache
def _du_counts_folders() -> bool:
    """Return whether this du counts the own bytes of folders, as GNU du did before coreutils 9.2."""
    with tempfile.TemporaryDirectory(dir="/var/tmp") as folder:
        Path(folder, "file").write_bytes(b"12345")
        return _first_number("du", "-sb", folder) != len(b"12345")


def file_bytes(folder: Path) -> int:
    """Return the apparent bytes of the files below a folder by du, without those of folders."""
    told = _first_number("du", "-sbx", f"{folder}/")
    if not _du_counts_folders():
        return told
    folders = ["find", f"{folder}/", "-xdev", "-type", "d", "-printf", "%s\n"]
    sizes = subprocess.run(folders, capture_output=True, check=True).stdout.split()
    return told - sum(map(int, sizes))


def allocated_bytes(folder: Path) -> int:
    """Return the bytes that a tree takes on its disk by du, folders included."""
    return _first_number("du", "-sx", "--block-size=1", f"{folder}/")
