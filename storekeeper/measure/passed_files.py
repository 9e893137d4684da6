"""What the orphans of an area are not looked for in, and what is read to find them."""

from collections.abc import Callable
from contextlib import suppress
from typing import Final

from storekeeper.config import Config
from storekeeper.errors import UnsafePath
from storekeeper.files import Tree
from storekeeper.files.patterns import FilePattern

# A page or a playlist; what is larger is no list of names.
MOST_TEXT_BYTES: Final = 1_000_000


def passed_patterns(config: Config, *, area: str) -> list[FilePattern]:
    """Return the patterns of QR codes, and of what the config ignores."""
    codes = [
        FilePattern(kind.pattern)
        for kind in config.qr_codes.values()
        if kind.area == area and kind.pattern is not None
    ]
    # A pattern may also name a folder, with all that is in it.
    return codes + [
        FilePattern(form) for text in config.areas[area].ignore for form in (text, f"{text}/**/*")
    ]


def passed_files(config: Config, *, area: str) -> Callable[[str], bool]:
    """Return what tells whether a file is none of the orphans: QR codes, what the config ignores."""
    patterns = passed_patterns(config, area=area)
    return lambda name: any(pattern.matches(name) for pattern in patterns)


def small_text(tree: Tree, name: str) -> str:
    """Return the text of a small file of an area, ``""`` for one that is large or cannot be read."""
    with suppress(OSError, UnsafePath), tree.open(name) as file:
        data = file.read(MOST_TEXT_BYTES + 1)
        return data.decode("utf-8", "replace") if len(data) <= MOST_TEXT_BYTES else ""
    return ""
