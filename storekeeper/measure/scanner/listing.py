"""
The regular files of one directory by name, packed: for a walk that is also asked which files there are.

Two numbers and a name take 8 to 16 bytes and the name's length: a media tree of 1,000,000 files some 40 MB,
where Python's own objects would take 250 MB.
"""

import os
import struct
from array import array
from dataclasses import dataclass

from storekeeper.measure.scanner.entries import Entries

# Number of files, then the array codes of their sizes and of their times.
HEAD = struct.Struct("=Qcc")
# Codes of arrays: for numbers up to 4 billion, and for any others.
NARROW = "I"
WIDE = "q"


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
        self._sizes: array[int] = array(NARROW)
        self._modified: array[int] = array(NARROW)

    def add(self, files: Entries) -> None:
        """Add some regular files."""
        # A NUL is the one character that no name has.
        self._names.append(files.joined or os.fsencode("\0".join(files.names)))
        self._sizes = extended(self._sizes, files.sizes)
        self._modified = extended(self._modified, files.modified)

    def packed(self) -> bytes:
        """Give the whole listing; nothing at all for a directory without files."""
        if not self._names:
            return b""
        columns = self._sizes, self._modified
        head = HEAD.pack(len(self._sizes), *(column.typecode.encode() for column in columns))
        return b"".join([head, *(column.tobytes() for column in columns), b"\0".join(self._names)])


def unpacked(packed: bytes) -> Listing:
    """Give back what a writer packed."""
    if not packed:
        return Listing(names=[], sizes=array(NARROW), modified=array(NARROW))
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


def extended(column: "array[int]", values: list[int]) -> "array[int]":
    """Give the column with more values; in twice the bytes once one of them needs that."""
    try:
        column.extend(array(column.typecode, values))
    except OverflowError:
        column = array(WIDE, column)
        column.extend(array(WIDE, values))
    return column
