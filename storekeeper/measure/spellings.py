"""
How a text may spell the name of a file, and the two forms in which a text is searched for names.

A file counts as named where the last part of its path stands anywhere in a text. Texts are not cut into
words: a name may hold spaces, brackets, apostrophes and commas. Instead name and text are brought into one
form, so that one plain search finds every spelling:

* as it is written, in composed small letters: relative paths, URLs, file names in running text;
* decoded until nothing changes: percent signs, HTML entities, the escapes of JSON, Python and SQL, in each
  other as well; without quotation marks and backslashes, with a space for a plus sign.

Both forms keep too much rather than too little: ``a.jpg`` is found in ``banana.jpg``. Not seen are names that
are not in the database's text at all: put together by code, encrypted, or inside compressed values.
"""

import codecs
import html
import json
import re
import unicodedata
from collections.abc import Iterator
from typing import Final

from storekeeper.measure.packed_texts import unpacked_texts

# Whoever decodes four times has nested more than any editor, serializer and template do together.
MOST_LAYERS: Final = 4
# Without one of these, a text is its own decoded form. A quotation mark alone stands for itself.
_ENCODED: Final = re.compile("[%&+\\\\\0\N{NO-BREAK SPACE}]|\"\"|''")
_PERCENT: Final = re.compile(r"(?:%[0-9A-Fa-f]{2})+")
# In JSON inside JSON, each escape has two backslashes.
_HEX: Final = re.compile(r"(?:\\+x[0-9A-Fa-f]{2})+")
_UNITS: Final = re.compile(r"(?:(?:\\+|%)u[0-9A-Fa-f]{4})+")
_POINT: Final = re.compile(r"\\U([0-9A-Fa-f]{8})")
# A name of these letters has one pattern.
_PLAIN: Final = re.compile(r"[A-Za-z0-9_.\-(),\[\]~=@]+").fullmatch
# The longest HTML entity, and what may stand around it in another layer.
_LONGEST_ESCAPE: Final = 64
_DROPPED: Final = ("\\", '"', "'", "\0")
_SPACES: Final = ("+", "\N{NO-BREAK SPACE}")


def _as_latin(error: UnicodeError) -> tuple[str, int]:
    assert isinstance(error, UnicodeDecodeError)
    return "".join(map(chr, error.object[error.start : error.end])), error.end


# Bytes that are not UTF-8 come from older encodings: each is a letter, the same in a name and in a text.
LENIENT: Final = "storekeeper-latin"
codecs.register_error(LENIENT, _as_latin)


def patterns_of(name: str) -> set[str]:
    """
    Return what to search for in the forms of a text that ``searched_forms`` yields.

    An empty pattern stands for a name that may be written with nothing to search for, such as ``"``.
    """
    last = name.rpartition("/")[2]
    if _PLAIN(last):
        return {last.lower()}
    last = readable(last)
    spellings = {last, last.strip() or last}
    patterns = {folded(spelling) for spelling in spellings}
    # Of a line break in JSON, an "n" is left without its backslash; Python's escapes of two letters may be
    # the bytes of one.
    escaped = {json.dumps(spelling, ensure_ascii=False)[1:-1] for spelling in spellings}
    escaped |= {ascii(spelling)[1:-1] for spelling in spellings}
    patterns.update(folded(decoded(spelling)) for spelling in spellings | escaped)
    return patterns


def searched_forms(text: str, *, longest: int = 255) -> Iterator[str]:
    """Yield the forms in which a text names files; no pattern is longer than ``longest``."""
    yield folded(text)
    # A letter may be several where it is composed, or where its case is another.
    encoded = "\n".join(_around_escapes(text, reach=4 * longest + _LONGEST_ESCAPE))
    if encoded:
        yield folded(decoded(encoded))
    for inner in unpacked_texts(text):
        yield from searched_forms(inner, longest=longest)


def _around_escapes(text: str, *, reach: int) -> Iterator[str]:
    """Yield the parts of a text in which a name with an escape may stand: all that is near to an escape."""
    start = end = 0
    for found in _ENCODED.finditer(text):
        begins = max(0, found.start() - reach)
        if begins > end:
            if end:
                yield text[start:end]
            start = begins
        end = found.start() + reach
    if end:
        yield text[start:end]


def readable(name: str) -> str:
    """Return a file's name without the marks that Python puts in place of bytes that are not UTF-8."""
    return text_of(name.encode("utf-8", "surrogateescape"))


def text_of(data: bytes) -> str:
    """Return the text in bytes of which nobody knows what they are."""
    return data.decode("utf-8", LENIENT)


def folded(text: str) -> str:
    """Return a text with its letters composed and small."""
    if text.isascii():
        return text.lower()
    return unicodedata.normalize("NFC", unicodedata.normalize("NFC", text).casefold())


def decoded(text: str) -> str:
    """Return a text without its layers of encoding, and without what only serves to quote."""
    for _ in range(MOST_LAYERS):
        before = text
        if "&" in text:
            text = html.unescape(text)
        if "\\" in text or "%u" in text:
            text = _UNITS.sub(_units, text)
        if "\\" in text:
            text = _POINT.sub(_point, _HEX.sub(_hex, text))
        if "%" in text:
            text = _PERCENT.sub(_percent, text)
        if text == before:
            break
    for mark in _DROPPED:
        text = text.replace(mark, "")
    for mark in _SPACES:
        text = text.replace(mark, " ")
    return text


def _percent(found: re.Match[str]) -> str:
    return text_of(bytes.fromhex(found[0].replace("%", "")))


def _hex(found: re.Match[str]) -> str:
    return text_of(bytes.fromhex(re.sub(r"\\+x", "", found[0])))


def _units(found: re.Match[str]) -> str:
    units = bytes.fromhex(re.sub(r"(?:\\+|%)u", "", found[0]))
    return units.decode("utf-16-be", "replace")


def _point(found: re.Match[str]) -> str:
    number = int(found[1], 16)
    return chr(number) if number <= 0x10FFFF else found[0]
