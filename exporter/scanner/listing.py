"""
The regular files of one directory by name, packed: for a walk that is also asked which files there are.

Two numbers and a name take 8 to 16 bytes and the name's length: a media tree of 1,000,000 files some 40 MB,
where Python's own objects would take 250 MB.
"""

import os
import struct
from array import array
from dataclasses import dataclass

from exporter.scanner.entries import Entries

# Number of files, then the array codes of their sizes and of their times.
HEAD = struct.Struct("=Qcc")
NARROW = "I"
NARROW_MOST = 2 ** (8 * array(NARROW).itemsize) - 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Listing:
    """Files of one directory, each with its apparent bytes and its time of change in whole seconds."""

    names: list[str]
    sizes: "array[int]"
    modified: "array[int]"


class ListingWriter:
    """Packs a directory that is read in batches."""

    def __init__(self) -> None:
        self._names: list[bytes] = []
        self._sizes: array[int] = array("Q")
        self._modified: array[int] = array("q")

    def add(self, files: Entries) -> None:
        """Add some regular files."""
        # A NUL is the one character that no name has.
        self._names.append(os.fsencode("\0".join(files.names)))
        self._sizes.extend(files.sizes)
        self._modified.extend(files.modified)

    def packed(self) -> bytes:
        """Give the whole listing; nothing at all for a directory without files."""
        if not self._names:
            return b""
        sizes, modified = narrowed(self._sizes), narrowed(self._modified)
        head = HEAD.pack(len(sizes), sizes.typecode.encode(), modified.typecode.encode())
        return b"".join([head, sizes.tobytes(), modified.tobytes(), b"\0".join(self._names)])


def unpacked(packed: bytes) -> Listing:
    """Give back what a writer packed."""
    if not packed:
        return Listing(names=[], sizes=array("Q"), modified=array("q"))
    count, *codes = HEAD.unpack_from(packed)
    start = HEAD.size
    columns: list[array[int]] = []
    for code in codes:
        column: array[int] = array(code.decode())
        end = start + count * column.itemsize
        column.frombytes(packed[start:end])
        columns.append(column)
        start = end
    return Listing(names=os.fsdecode(packed[start:]).split("\0"), sizes=columns[0], modified=columns[1])


def narrowed(column: "array[int]") -> "array[int]":
    """Give the numbers in half the bytes where none is too large for that."""
    return array(NARROW, column) if min(column) >= 0 and max(column) <= NARROW_MOST else column
