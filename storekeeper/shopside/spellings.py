"""
Which file a stored text names: one resolver for bare names, URL paths, whole URLs and rich text.

A text names a file when the end of a path in it is the file's name: ``products/a.jpg`` is named by
``products/a.jpg``, ``/media/products/a.jpg``, ``https://cdn.example/m/products/a.jpg?v=2`` and by each of
them inside HTML or JSON. So a foreign path with the same end keeps a file too, which loses nothing.
"""

from __future__ import annotations

import html
import os
import posixpath
import re
import unicodedata
from collections.abc import Iterable, Iterator
from typing import Any
from urllib.parse import unquote

# What most names are made of; they need no second reading.
_PLAIN = re.compile(r"[A-Za-z0-9_\-][A-Za-z0-9_.\-/]*").fullmatch
# Paths in a text end at a space or a quotation mark; a quoted one may hold spaces.
_WORDS = re.compile(r"""[\s"'<>()\[\]{}|,;=]+""")
_QUOTED = re.compile(r"""["'<>()\r\n\t]+""")


def canonical(name: str) -> str:
    """Give the form in which names are compared: composed letters; on Windows also small ones."""
    if not name.isascii():
        name = unicodedata.normalize("NFC", name)
    return name.replace("\\", "/").lower() if os.name == "nt" else name


def _folded(path: str) -> str:
    """
    Give a canonical path without the case of its letters.

    Which filesystem ignores case cannot be told by its system: a share or a stick does on Linux, too. A file
    whose name differs from a named one in nothing else is kept, which loses nothing.
    """
    return path.lower() if path.isascii() else unicodedata.normalize("NFC", path.casefold())


class Wanted:
    """
    A set of files, by their names below one root, that is asked which of them a text names.

    The case of letters does not count.
    """

    def __init__(self, files: Iterable[str]) -> None:
        self._files: dict[str, str | list[str]] = {}
        for name in files:
            form = _folded(canonical(name))
            same = self._files.get(form)
            # Two files may differ in nothing but how their letters are composed, or in their case.
            self._files[form] = name if same is None else [*([same] if isinstance(same, str) else same), name]
        self._last_parts = {form.rpartition("/")[2] for form in self._files}

    def named_by(self, value: str, *, prefix: str = "") -> Iterator[str]:
        """Give the files that a value names; ``prefix`` is where its storage lies below the root."""
        if _PLAIN(value) and value.rpartition("/")[2].lower() not in self._last_parts:
            return
        for path in map(_folded, paths(value, prefix=prefix)):
            if path.rpartition("/")[2] in self._last_parts:
                for end in ends(path):
                    found = self._files.get(end)
                    if found is not None:
                        yield from [found] if isinstance(found, str) else found

    def named_in(self, value: Any) -> Iterator[str]:
        """Give the files that are named anywhere in a text, or in the texts of a JSON value."""
        if isinstance(value, str):
            words = {value, *_WORDS.split(value), *_QUOTED.split(value)}
            if "&" in value:
                plain = html.unescape(value)
                words.update((*_WORDS.split(plain), *_QUOTED.split(plain)))
            # A name may begin or end with a space; mostly the spaces are the text's.
            for word in words | {word.strip() for word in words}:
                if word:
                    yield from self.named_by(word)
        elif isinstance(value, dict):
            for key, item in value.items():
                yield from self.named_in(key)
                yield from self.named_in(item)
        elif isinstance(value, (list, tuple, set)):
            for item in value:
                yield from self.named_in(item)


def paths(value: str, *, prefix: str = "") -> Iterator[str]:
    """
    Give the paths, in the form of ``canonical``, that a value may mean: each end of one may be a file's name.

    ``prefix`` is where the value's storage lies below the root.
    """
    if _PLAIN(value):
        yield canonical(posixpath.normpath(prefix + value))
        return
    for spelling in _spellings(value):
        yield canonical(posixpath.normpath(prefix + spelling.lstrip("/")))


def ends(path: str) -> Iterator[str]:
    """Give the path, then the same without its first folder, and so on to the last part alone."""
    yield path
    while "/" in path:
        path = path.partition("/")[2]
        yield path


def _spellings(value: str) -> set[str]:
    """Give what a value may mean: as it is, decoded from a URL, without a query, with other slashes."""
    forms = {value, unquote(value), html.unescape(value)}
    forms |= {re.split(r"[?#]", form, maxsplit=1)[0] for form in forms}
    forms |= {unquote(form) for form in forms}
    forms |= {form.replace("\\", "/") for form in forms}
    return {form for form in forms if form}
