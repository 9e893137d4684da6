"""The list of sums beside a media backup, as ``sha256sum --check`` reads it: one line for each file."""

from typing import Final

_ESCAPES: Final = ((b"\\", b"\\\\"), (b"\n", b"\\n"), (b"\r", b"\\r"))


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
