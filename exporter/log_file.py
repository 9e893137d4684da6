"""
One log file, followed line by line while others write, rotate, cut and clear it.

Nothing is held open between two readings, so a rotated log can be renamed on every system and a removed
one gives its space back. Where we were is known by the bytes just before: when they are no longer there, the
file was cut from its front (they stand earlier), moved away (they stand in a file with the old inode), or
written anew.
"""

import os
import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Final

LEVELS: Final = ("WARNING", "ERROR", "CRITICAL")
OTHER_NAMES: Final = {"WARN": "WARNING", "FATAL": "CRITICAL"}

# The first level named in a line is the line's own; later ones are words of its message.
_LEVEL: Final = re.compile(
    rb"""\b(DEBUG|INFO|NOTICE|WARN(?:ING)?|ERROR|CRITICAL|FATAL)\b|"level(?:name)?"\s*:\s*"(\w+)\""""
)
_LEVEL_WITHIN_BYTES: Final = 400
CHUNK_BYTES: Final = 1 << 20
MARK_BYTES: Final = 256
# A file system removes the front of a file in whole blocks; none has smaller ones.
CUT_BYTES: Final = 512


def level_of(line: bytes) -> str | None:
    """Give WARNING, ERROR or CRITICAL when the line is an event of that level, else None."""
    # The lines of a traceback are indented and belong to the event before them.
    if line[:1] in b" \t" or not line:
        return None
    match = _LEVEL.search(line, 0, _LEVEL_WITHIN_BYTES)
    if match is None:
        return None
    word = (match[1] or match[2]).decode("ascii", "replace").upper()
    level = OTHER_NAMES.get(word, word)
    return level if level in LEVELS else None


class LogFile:
    """
    Counts the events of one log from the moment it is first met.

    ``from_start`` counts what the file holds already, for a file that came after us.
    """

    def __init__(self, path: Path, *, from_start: bool) -> None:
        self._path = path
        self.counts: Counter[str] = Counter(dict.fromkeys(LEVELS, 0))
        self._inode: tuple[int, int] | None = None
        self._offset = 0
        self._mark = b""
        self._rest = b""
        if not from_start:
            self._skip_to_end()

    def read(self) -> None:
        """Count the lines that are new since the last reading; a missing file has none."""
        try:
            with self._path.open("rb") as file:
                status = os.fstat(file.fileno())
                inode = (status.st_dev, status.st_ino)
                if self._inode is not None and inode != self._inode:
                    self._finish_moved()
                    self._begin()
                self._inode = inode
                self._offset = self._place_in(file, size=status.st_size)
                self._count_from(file)
        except FileNotFoundError:
            if self._inode is not None:
                self._finish_moved()
                self._begin()
            self._inode = None

    def _begin(self) -> None:
        self._offset, self._mark, self._rest = 0, b"", b""

    def _skip_to_end(self) -> None:
        """Stand at the end of the last whole line."""
        try:
            with self._path.open("rb") as file:
                status = os.fstat(file.fileno())
                self._inode = (status.st_dev, status.st_ino)
                file.seek(max(0, status.st_size - CHUNK_BYTES))
                end = file.read(CHUNK_BYTES)
                whole = end.rfind(b"\n") + 1 or len(end)
                self._offset = file.tell() - len(end) + whole
                self._mark = end[:whole][-MARK_BYTES:]
        except FileNotFoundError:
            return

    def _place_in(self, file: IO[bytes], *, size: int) -> int:
        """Give where to read on: after the bytes that we read last, wherever they stand now."""
        offset = self._offset
        if offset > size:
            offset -= -(-(offset - size) // CUT_BYTES) * CUT_BYTES
        while offset >= len(self._mark):
            if offset <= size and _bytes_before(file, offset, len(self._mark)) == self._mark:
                return offset
            offset -= CUT_BYTES
        self._begin()
        return 0

    def _finish_moved(self) -> None:
        """Count the rest of the file that had our name until it was renamed."""
        for path in _neighbours(self._path):
            try:
                with path.open("rb") as file:
                    status = os.fstat(file.fileno())
                    if (status.st_dev, status.st_ino) == self._inode:
                        self._offset = self._place_in(file, size=status.st_size)
                        self._count_from(file)
                        return
            except OSError:
                continue

    def _count_from(self, file: IO[bytes]) -> None:
        file.seek(self._offset)
        while chunk := file.read(CHUNK_BYTES):
            self._offset += len(chunk)
            self._mark = (self._mark + chunk)[-MARK_BYTES:]
            *lines, self._rest = (self._rest + chunk).split(b"\n")
            self._rest = self._rest[:CHUNK_BYTES]
            for line in lines:
                if level := level_of(line):
                    self.counts[level] += 1


def _bytes_before(file: IO[bytes], offset: int, length: int) -> bytes:
    file.seek(offset - length)
    return file.read(length)


def _neighbours(path: Path) -> Iterator[Path]:
    """Give the plain files in the log's folder, where a rotation puts them."""
    try:
        with os.scandir(path.parent) as entries:
            for entry in entries:
                if entry.is_file(follow_symlinks=False):
                    yield Path(entry.path)
    except OSError:
        return
