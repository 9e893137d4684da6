"""
Image files of the sample shop: small, valid, and quick to make.

The QR images are stand-ins for what a payment provider sends: black and white squares with the three
corner marks, derived from a text, but no scanner will read them.
"""

import hashlib
import io
import struct
import zlib
from random import Random

from PIL import Image

_MODULES = 33
_QUIET = 4
# One module is eight pixels wide: exactly one byte of a black-and-white PNG row.
_WHITE, _BLACK = b"\xff", b"\x00"
_FROM_RANDOM_BYTE = bytes(0 if value & 1 else 255 for value in range(256))
_CORNER = (
    b"BBBBBBBW",
    b"BWWWWWBW",
    b"BWBBBWBW",
    b"BWBBBWBW",
    b"BWBBBWBW",
    b"BWWWWWBW",
    b"BBBBBBBW",
    b"WWWWWWWW",
)
_CORNER_ROWS = [row.replace(b"B", _BLACK).replace(b"W", _WHITE) for row in _CORNER]


def qr_like_png(text: str, *, size_bytes: int = 0) -> bytes:
    """
    Return a valid black-and-white PNG that looks like a QR code for ``text``.

    Less than 1 KB; padded to exactly ``size_bytes`` where that is more, with a private chunk that every
    reader skips.
    """
    modules = hashlib.shake_256(text.encode()).digest(_MODULES * _MODULES).translate(_FROM_RANDOM_BYTE)
    rows = [bytearray(modules[start : start + _MODULES]) for start in range(0, len(modules), _MODULES)]
    for index, corner in enumerate(_CORNER_ROWS):
        rows[index][:8] = corner
        rows[index][-8:] = corner[::-1]
        rows[-1 - index][:8] = corner
    side = _WHITE * _QUIET
    blank = _WHITE * (_MODULES + 2 * _QUIET)
    lines = [blank] * _QUIET + [side + bytes(row) + side for row in rows] + [blank] * _QUIET
    pixels = b"".join((b"\0" + line) * 8 for line in lines)
    edge = len(lines) * 8
    head = b"\x89PNG\r\n\x1a\n" + _chunk(b"IHDR", struct.pack(">IIBBBBB", edge, edge, 1, 0, 0, 0, 0))
    body = _chunk(b"IDAT", zlib.compress(pixels, 1))
    end = _chunk(b"IEND", b"")
    padding = size_bytes - len(head) - len(body) - len(end) - 12
    if padding >= 0:
        # Lower case, lower case, upper case, lower case: may be skipped, private, safe to copy.
        body += _chunk(b"paDd", hashlib.shake_128(text.encode()).digest(padding))
    return head + body + end


def _chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def picture(
    random: Random, *, form: str = "JPEG", size: tuple[int, int] = (640, 480), turned: bool = False
) -> bytes:
    """
    Return a soft-coloured picture in the format ``form``.

    ``turned`` marks it as taken with the camera on its side (EXIF orientation 6), as phones do.
    """
    small = Image.frombytes("RGB", (16, 12), random.randbytes(16 * 12 * 3))
    image = small.resize(size, Image.Resampling.BICUBIC)
    stream = io.BytesIO()
    if turned:
        exif = Image.Exif()
        exif[0x0112] = 6
        image.save(stream, form, exif=exif)
    elif form == "PNG":
        image.quantize(64, Image.Quantize.FASTOCTREE).save(stream, form)
    else:
        image.save(stream, form, quality=88)
    return stream.getvalue()


def padded_jpeg(data: bytes, *, size_bytes: int) -> bytes:
    """Return the JPEG ``data`` grown to about ``size_bytes`` with comment segments after its first marker."""
    missing = max(0, size_bytes - len(data))
    comments = bytearray()
    while missing > len(comments) + 4:
        length = min(65_533, missing - len(comments) - 4)
        comments += b"\xff\xfe" + struct.pack(">H", length + 2) + bytes(length)
    return data[:2] + bytes(comments) + data[2:]


def video(size_bytes: int) -> bytes:
    """Return an MP4 container of ``size_bytes`` (at least 32) with nothing to play in it."""
    kind = struct.pack(">I4s4sI4s4s", 24, b"ftyp", b"isom", 512, b"isom", b"mp41")
    free = max(8, size_bytes - len(kind))
    return kind + struct.pack(">I4s", free, b"free") + bytes(free - 8)
