"""Folders that nobody but our own user may enter."""

from pathlib import Path


def make_private_folder(folder: Path) -> None:
    """
    Make the folder, and those above it that are missing, for our own user alone, whatever the umask.

    One that is there stays as it is.
    """
    missing = []
    while not folder.exists():
        missing.append(folder)
        folder = folder.parent
    # Path.mkdir gives its mode to the last folder only; above it, anybody could put another in its place.
    for one in reversed(missing):
        one.mkdir(mode=0o700, exist_ok=True)
