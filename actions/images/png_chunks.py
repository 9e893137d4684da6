"""What a PNG says about itself that its decoder does not tell us: depth, HDR, gamma, animation."""

import struct
from collections.abc import Iterator
from typing import Final

_SIGNATURE_BYTES: Final = 8
# Gamma and chromaticities of sRGB, times 100,000: a PNG that states just these looks the same without them.
_SRGB_GAMMA: Final = 45_455
_SRGB_COLOURS: Final = (31_270, 32_900, 64_000, 33_000, 30_000, 60_000, 15_000, 6_000)
_NEAR: Final = 100


def why_not_png(data: bytes) -> str:
    """Give why a PNG cannot be encoded anew without changing its look, ``""`` where it can."""
    chunks = dict(_chunks(data))
    header = chunks.get(b"IHDR", b"")
    if len(header) < 13:
        return "broken: no header"
    if header[8] == 16:
        return "16 bits per channel"
    if b"acTL" in chunks:
        return "an animated PNG"
    if b"cICP" in chunks:
        return "HDR, or colours of its own"
    if b"iCCP" in chunks or b"sRGB" in chunks:
        return ""
    stated = _numbers(chunks.get(b"gAMA", b"")), _numbers(chunks.get(b"cHRM", b""))
    usual = (_SRGB_GAMMA,), _SRGB_COLOURS
    if any(found and not _near(found, wanted) for found, wanted in zip(stated, usual, strict=True)):
        return "a gamma or colours of its own"
    return ""


def _chunks(data: bytes) -> Iterator[tuple[bytes, bytes]]:
    """Give kind and content of the chunks before the pixels."""
    place = _SIGNATURE_BYTES
    while place + 8 <= len(data):
        length, kind = struct.unpack_from(">I4s", data, place)
        if kind == b"IDAT":
            return
        yield kind, data[place + 8 : place + 8 + length]
        place += length + 12


def _numbers(content: bytes) -> tuple[int, ...]:
    return struct.unpack(f">{len(content) // 4}I", content[: len(content) // 4 * 4])


def _near(found: tuple[int, ...], wanted: tuple[int, ...]) -> bool:
    return len(found) == len(wanted) and all(
        abs(one - other) <= _NEAR for one, other in zip(found, wanted, strict=True)
    )
