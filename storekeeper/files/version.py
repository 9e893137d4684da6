"""Whether a file is still the one that was read."""

from pathlib import Path


def version_of(path: Path) -> tuple[int, int, int]:
    """Give what changes when the file is rewritten or replaced; zeros while there is none."""
    try:
        status = path.stat()
    except OSError:
        return (0, 0, 0)
    return (status.st_mtime_ns, status.st_size, status.st_ino)
