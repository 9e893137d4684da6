"""The list of sums beside a media backup, as ``sha256sum --check`` reads it: one line for each file."""

import re
from typing import Final

_ESCAPES: Final = ((b"\\", b"\\\\"), (b"\n", b"\\n"), (b"\r", b"\\r"))
_PLAIN: Final = {b"n": b"\n", b"r": b"\r"}


def sum_line(name: str, sha256: str) -> bytes:
    """Give the line of a file; sha256sum marks a name with line ends by a backslash at the line's begin."""
    raw = name.encode("utf-8", "surrogateescape")
    escaped = raw
    for plain, written in _ESCAPES:
        escaped = escaped.replace(plain, written)
    mark = b"\\" if escaped != raw else b""
    return mark + sha256.encode("ascii") + b"  " + escaped + b"\n"


def readable(name: str) -> str:
    """Give the name as text that JSON can hold: bytes that are no UTF-8 become ``\\xNN``."""
    return name.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")


def parse_sum_line(line: bytes) -> tuple[str, str]:
    """Return the name and the sum of a line; raises ValueError for one that is none."""
    sha256, separator, raw = line.rstrip(b"\n").partition(b"  ")
    if not separator:
        raise ValueError("not a line of sums")
    if sha256.startswith(b"\\"):
        sha256 = sha256[1:]
        raw = re.sub(rb"\\(.)", lambda match: _PLAIN.get(match[1], match[1]), raw)
    return raw.decode("utf-8", "surrogateescape"), sha256.decode("ascii")
