"""
What a walk and its helper processes say to each other: a length and a pickled value, over pipes.

Both sides are this program and nobody else has the pipe; nothing that was stored or received from
elsewhere is ever unpickled.
"""

import os
import pickle
import struct
from dataclasses import dataclass
from typing import Any

from storekeeper.measure.scanner.request import ScanRequest
from storekeeper.measure.scanner.table import TreeState

LENGTH = struct.Struct("=Q")
READ_BYTES = 1 << 20


@dataclass(frozen=True, kw_only=True)
class Assignment:
    """What a helper must know before it reads; it answers True."""

    request: ScanRequest
    started: float


@dataclass(frozen=True, kw_only=True)
class Answer:
    """
    What a helper read of one list of paths.

    ``places`` are those of the paths that were there; ``rows`` and ``subdirectories`` have one item for each.
    """

    places: list[int]
    rows: TreeState
    subdirectories: list[list[str]]


def send(descriptor: int, value: Any) -> None:
    """Write one value. Raises BrokenPipeError when the other side is gone."""
    data = pickle.dumps(value, protocol=pickle.HIGHEST_PROTOCOL)
    rest = memoryview(LENGTH.pack(len(data)) + data)
    while rest:
        rest = rest[os.write(descriptor, rest) :]


def receive(descriptor: int) -> Any:
    """Read one value. Raises EOFError when the other side is gone."""
    (length,) = LENGTH.unpack(read_exactly(descriptor, LENGTH.size))
    return pickle.loads(read_exactly(descriptor, length))  # noqa: S301 # written by our own other half


def read_exactly(descriptor: int, count: int) -> bytes:
    """Read that many bytes. Raises EOFError when there are fewer."""
    parts: list[bytes] = []
    while count:
        part = os.read(descriptor, min(count, READ_BYTES))
        if not part:
            raise EOFError("the other side of the pipe is gone")
        parts.append(part)
        count -= len(part)
    return b"".join(parts)
