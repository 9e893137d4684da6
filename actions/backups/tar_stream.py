"""
Write a tar archive as a stream, one file after the other, in the PAX format.

A name may be of any length and of any bytes, a file of any size; times keep their nanoseconds. Nothing is
held in memory but the file at hand, in pieces. A file's size is what its descriptor said when it was opened:
one that shrinks meanwhile is filled up with zeros, of one that grows the rest is left out, and both are told.
"""

import hashlib
import os
import stat
import tarfile
from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal
from typing import IO, Final

CHUNK_BYTES: Final = 1 << 20
ENCODING: Final = "utf-8"
ERRORS: Final = "surrogateescape"

# An archive ends with two empty blocks, and by custom on a multiple of twenty.
_RECORD_BYTES: Final = 20 * tarfile.BLOCKSIZE


@dataclass(frozen=True, kw_only=True)
class Stored:
    """A file as it is in the archive; ``changed`` says what happened to it while it was read, if anything."""

    sha256: str
    size_bytes: int
    changed: str = ""


class TarStream:
    """Write members by ``write``, which takes the archive's bytes; end with ``close``."""

    def __init__(self, write: Callable[[bytes], object]) -> None:
        self._write = write
        self._written_bytes = 0

    def add(self, file: IO[bytes], *, name: str) -> Stored:
        """Add an open regular file with its mode, owner and time."""
        status = os.fstat(file.fileno())
        self._put(_header(name, status))
        sums = hashlib.sha256()
        left = status.st_size
        problem = ""
        while left:
            try:
                data = file.read(min(left, CHUNK_BYTES))
            except OSError as error:
                problem, data = f"not readable to its end: {error.strerror or error}", b""
            if not data:
                break
            sums.update(data)
            self._put(data)
            left -= len(data)
        changed = problem or _change(status, os.fstat(file.fileno()))
        while left:
            zeros = bytes(min(left, CHUNK_BYTES))
            sums.update(zeros)
            self._put(zeros)
            left -= len(zeros)
        self._put(bytes(-status.st_size % tarfile.BLOCKSIZE))
        return Stored(sha256=sums.hexdigest(), size_bytes=status.st_size, changed=changed)

    def add_folder(self, status: os.stat_result, *, name: str) -> None:
        """Add a folder with its mode, owner and time; what lies in it comes as members of their own."""
        self._put(_header(f"{name}/", status))

    def close(self) -> None:
        """Write the end of the archive."""
        self._put(bytes(2 * tarfile.BLOCKSIZE))
        self._put(bytes(-self._written_bytes % _RECORD_BYTES))

    def _put(self, data: bytes) -> None:
        if data:
            self._write(data)
            self._written_bytes += len(data)


def _header(name: str, status: os.stat_result) -> bytes:
    member = tarfile.TarInfo(name)
    if stat.S_ISDIR(status.st_mode):
        member.type = tarfile.DIRTYPE
    else:
        member.size = status.st_size
    member.mode = status.st_mode & 0o7777
    member.uid, member.gid = status.st_uid, status.st_gid
    member.mtime = status.st_mtime_ns // 1_000_000_000
    if status.st_mtime_ns % 1_000_000_000:
        # As text: a float has no room for nanoseconds.
        member.pax_headers = {"mtime": f"{Decimal(status.st_mtime_ns).scaleb(-9):f}"}
    return member.tobuf(tarfile.PAX_FORMAT, ENCODING, ERRORS)


def _change(before: os.stat_result, after: os.stat_result) -> str:
    if after.st_size > before.st_size:
        return f"grew from {before.st_size} to {after.st_size} bytes; the rest is left out"
    if after.st_size < before.st_size:
        return f"shrank from {before.st_size} to {after.st_size} bytes; filled up with zeros"
    if after.st_mtime_ns != before.st_mtime_ns:
        return "was written to while it was read"
    return ""
