"""Streams that sum up what passes through them."""

import hashlib
from collections.abc import Callable, Iterator
from typing import IO

from storekeeper.encryption.streams import Sink


class CountingReader:
    """Read from a file and sum up what it gave; ``moved`` hears of each piece's bytes."""

    def __init__(self, file: IO[bytes], *, moved: Callable[[int], None]) -> None:
        self._file, self._moved = file, moved
        self._sums = hashlib.sha256()

    @property
    def sha256(self) -> str:
        """Return the sum of all that was read."""
        return self._sums.hexdigest()

    def read(self, size: int) -> bytes:
        data = self._file.read(size)
        self._sums.update(data)
        self._moved(len(data))
        return data


class SumSink:
    """Write to a sink, or nowhere, and sum up what was written."""

    def __init__(self, sink: Sink | None = None) -> None:
        self._sink = sink
        self._sums = hashlib.sha256()
        self.size_bytes = 0

    @property
    def sha256(self) -> str:
        """Return the sum of all that was written."""
        return self._sums.hexdigest()

    def write(self, data: bytes, /) -> None:
        self._sums.update(data)
        self.size_bytes += len(data)
        if self._sink is not None:
            self._sink.write(data)


class Blocks:
    """A file to read, made of pieces that come one after the other; sums up what passes."""

    def __init__(self, pieces: Iterator[bytes], *, moved: Callable[[int], None] = lambda count: None) -> None:
        self._pieces, self._moved = pieces, moved
        self._waiting = memoryview(b"")
        self._sums = hashlib.sha256()

    @property
    def sha256(self) -> str:
        """Return the sum of all that has come."""
        return self._sums.hexdigest()

    def read(self, size: int = -1) -> bytes:
        if not self._waiting and not self._more():
            return b""
        count = len(self._waiting) if size < 0 else size
        data, self._waiting = bytes(self._waiting[:count]), self._waiting[count:]
        return data

    def drain(self) -> None:
        """Read to the end."""
        while self._more():
            pass

    def _more(self) -> bool:
        piece = next(self._pieces, None)
        if piece is None:
            return False
        self._sums.update(piece)
        self._moved(len(piece))
        self._waiting = memoryview(piece)
        return True
