"""
One part of a log archive: a gzip member whose header says that storekeeper made it.

The header's extra field, which every program passes over, holds the member's size and a mark: which archive
of which shop this is. So an archive is known for storekeeper's own also when the state folder is lost, and a
file that has the name of one, a copy in another folder, or one to which something else was added, is not.
"""

import hashlib
import json
import struct
import zlib
from dataclasses import asdict, dataclass
from typing import IO, Any, Final

from actions.backups.packing import fastest

_FIXED: Final = struct.Struct("<4sIBBH")
_MAGIC: Final = b"\x1f\x8b\x08\x04"
_FIELD: Final = struct.Struct("<2sHQ")
_FIELD_NAME: Final = b"sk"
_UNIX: Final = 255
_RAW: Final = -zlib.MAX_WBITS
_LEVEL: Final = 6 if fastest is zlib else 2


@dataclass(frozen=True, kw_only=True)
class Mark:
    """
    Which archive a member belongs to: ``archive`` is ``AREA/FOLDER/NAME``.

    ``later`` are moments, in seconds since 1970, that were known when it was written but lay ahead of the
    clock then.
    """

    shop: str
    archive: str
    later: tuple[int, ...] = ()


class MemberWriter:
    """Write a member to the end of a stream that can seek; ``close`` ends it and leaves the stream open."""

    def __init__(self, stream: IO[bytes], *, mark: Mark) -> None:
        self._stream = stream
        self._start = stream.tell()
        self._packer: Any = fastest.compressobj(_LEVEL, zlib.DEFLATED, _RAW)
        self._content = hashlib.sha256()
        self._check = 0
        self.content_bytes = 0
        text = json.dumps(asdict(mark), separators=(",", ":")).encode()
        field = _FIELD.pack(_FIELD_NAME, len(text) + 8, 0) + text
        stream.write(_FIXED.pack(_MAGIC, 0, 0, _UNIX, len(field)) + field)

    def write(self, data: bytes) -> None:
        """Take the next bytes of the content."""
        self._content.update(data)
        self._check = zlib.crc32(data, self._check)
        self.content_bytes += len(data)
        self._stream.write(self._packer.compress(data))

    def close(self) -> None:
        """Write the end of the member, and its size into its beginning."""
        self._stream.write(self._packer.flush())
        self._stream.write(struct.pack("<II", self._check, self.content_bytes & 0xFFFFFFFF))
        end = self._stream.tell()
        self._stream.seek(self._start + _FIXED.size + 4)
        self._stream.write(struct.pack("<Q", end - self._start))
        self._stream.seek(end)

    @property
    def content_sha256(self) -> str:
        """Return the SHA-256 of what came in."""
        return self._content.hexdigest()


def read_marks(stream: IO[bytes], *, size_bytes: int) -> tuple[Mark, ...] | None:
    """Return the marks of an archive's members; None unless all of the file are such members."""
    marks = []
    start = 0
    while start < size_bytes:
        stream.seek(start)
        found = _read_mark(stream)
        if found is None:
            return None
        mark, size = found
        marks.append(mark)
        start += size
    return tuple(marks) if marks and start == size_bytes else None


def _read_mark(stream: IO[bytes]) -> tuple[Mark, int] | None:
    try:
        magic, _, _, _, length = _FIXED.unpack(stream.read(_FIXED.size))
        field = stream.read(length)
        name, text_bytes, size = _FIELD.unpack(field[: _FIELD.size])
        if (magic, name, text_bytes + 4) != (_MAGIC, _FIELD_NAME, length) or size < _FIXED.size + length:
            return None
        values = json.loads(field[_FIELD.size :])
        return Mark(**{**values, "later": tuple(values["later"])}), size
    except (struct.error, ValueError, TypeError, KeyError):
        return None
