"""
Frames on a pipe between storekeeper and the shop's interpreter; both sides use this module.

A frame is one byte of kind (``J`` a JSON message, ``D`` data), four bytes of length (big-endian) and
the payload.
"""

from __future__ import annotations

import json
import struct
from typing import IO, Any

HEADER = struct.Struct(">cI")
MESSAGE = b"J"
DATA = b"D"


def write_message(stream: IO[bytes], message: Any) -> None:
    """Send one JSON message and flush."""
    write_frame(stream, MESSAGE, json.dumps(message).encode("utf-8"))
    stream.flush()


def write_frame(stream: IO[bytes], kind: bytes, payload: bytes) -> None:
    """Send one frame; data frames are not flushed."""
    stream.write(HEADER.pack(kind, len(payload)))
    stream.write(payload)


def read_frame(stream: IO[bytes]) -> tuple[bytes, bytes] | None:
    """Give (kind, payload) of the next frame, or None where the other side has ended."""
    header = stream.read(HEADER.size)
    if len(header) < HEADER.size:
        return None
    kind, length = HEADER.unpack(header)
    payload = stream.read(length)
    return (kind, payload) if len(payload) == length else None
