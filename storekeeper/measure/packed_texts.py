"""
The texts inside values that are packed: base64, and zlib inside it.

Django's sessions, signed cookies and pickled fields are such values. A form wizard keeps the names of its
uploads there, and nowhere else, until the form is finished.
"""

import binascii
import re
import zlib
from collections.abc import Iterator
from typing import Final

# Shorter runs are words; a session of a single key is longer.
_RUN: Final = re.compile(r"(?<![A-Za-z0-9+/_\-])\.?[A-Za-z0-9+/_\-]{24,}={0,2}")
_URL_LETTERS: Final = str.maketrans("-_", "+/")
# Even a name of Khmer letters ends in .jpg; noise, such as a path that happens to be base64, mostly has none.
_TEXT: Final = re.compile(rb"[ -~]{4}")
# What a small value may unpack to; the rest of a longer one is not looked at.
MOST_BYTES: Final = 1 << 24


def unpacked_texts(text: str) -> Iterator[str]:
    """Yield what the runs of base64 in a text hold, where it may be a text itself."""
    for found in _RUN.finditer(text):
        run = found[0]
        data = _from_base64(run.lstrip("."))
        if data is None:
            continue
        if run.startswith(".") or data[:1] == b"\x78":
            data = _inflated(data) or data
        if _TEXT.search(data) or _is_text(data):
            yield data.decode("utf-8", "ignore")


def _from_base64(run: str) -> bytes | None:
    letters = run.rstrip("=").translate(_URL_LETTERS)
    letters = letters[: len(letters) - (len(letters) % 4 == 1)]
    try:
        return binascii.a2b_base64(letters + "=" * (-len(letters) % 4))
    except binascii.Error:
        return None


def _is_text(data: bytes) -> bool:
    try:
        data.decode("utf-8")
    except UnicodeDecodeError:
        return False
    return True


def _inflated(data: bytes) -> bytes | None:
    try:
        return zlib.decompressobj().decompress(data, MOST_BYTES)
    except zlib.error:
        return None
