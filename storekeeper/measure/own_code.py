"""
Which files the shop's own settings, code, templates and style sheets name.

Code writes the whole last part of a path: ``a.jpg`` is not named by ``banana.jpg`` there.
"""

import os
from collections.abc import Collection, Iterator
from pathlib import Path
from typing import Final

import ahocorasick

from storekeeper.config import Config
from storekeeper.measure.spellings import patterns_of, searched_forms
from storekeeper.shop import ShopDescription

_SUFFIXES: Final = (
    ".py", ".html", ".htm", ".jinja", ".jinja2", ".j2", ".txt", ".xml", ".css", ".scss", ".less", ".js",
    ".ts", ".jsx", ".tsx", ".vue", ".json", ".yml", ".yaml", ".toml", ".ini", ".md", ".po", ".svg",
)  # fmt: skip
_NOT_OURS: Final = frozenset(
    {"node_modules", "site-packages", "__pycache__", "venv", "env", "bower_components"}
)
_JOINING: Final = ("-", "_")
# A file of code is smaller; a larger one is data.
MOST_BYTES: Final = 1_000_000
MOST_FILES: Final = 50_000


def names_in_code(files: Collection[str], *, config: Config, description: ShopDescription) -> set[str]:
    """Return which of ``files`` the shop's settings, defaults, code or templates name."""
    if not files:
        return set()
    search = _WholeNames(files)
    search.look("\n".join(description.texts))
    for path in _sources(config, description):
        if len(search.found) == len(files):
            break
        try:
            text = path.read_text("utf-8", "replace")
        except OSError:
            # What cannot be read is not what serves pages.
            continue
        search.look(text)
    return search.found


class _WholeNames:
    """Finds names that no letter, digit, hyphen or underscore stands before."""

    def __init__(self, files: Collection[str]) -> None:
        self.found: set[str] = set()
        patterns: dict[str, list[str]] = {}
        for file in files:
            for pattern in patterns_of(file):
                patterns.setdefault(pattern, []).append(file)
        self._automaton = ahocorasick.Automaton()
        for pattern, named in patterns.items():
            self._automaton.add_word(pattern, (len(pattern), named))
        self._automaton.make_automaton()

    def look(self, text: str) -> None:
        for form in searched_forms(text):
            for end, (length, named) in self._automaton.iter(form):
                before = form[end - length : end - length + 1] if end >= length else ""
                if not (before.isalnum() or before in _JOINING):
                    self.found.update(named)


def _sources(config: Config, description: ShopDescription) -> Iterator[Path]:
    """Yield the files of the shop's own code, never those of an area or of storekeeper."""
    apart = {Path(os.path.realpath(area.path)) for area in config.areas.values()}
    apart |= {Path(os.path.realpath(path)) for path in (config.backups.path, config.state)}
    if description.media_root is not None:
        apart.add(Path(os.path.realpath(description.media_root)))
    # A folder of static sources may be an area as well, and names files all the same.
    roots = sorted({Path(os.path.realpath(folder)) for folder in description.code})
    seen: set[Path] = set()
    count = 0
    for root in roots:
        if any(root.is_relative_to(one) for one in seen):
            continue
        seen.add(root)
        for folder, folders, names in os.walk(root):
            here = Path(folder)
            folders[:] = [
                name
                for name in sorted(folders)
                if not name.startswith(".")
                and name not in _NOT_OURS
                and here / name not in apart
                and not (here / name / "pyvenv.cfg").exists()
            ]
            for name in sorted(names):
                path = here / name
                if name.endswith(_SUFFIXES) and not path.is_symlink() and path.stat().st_size <= MOST_BYTES:
                    count += 1
                    if count > MOST_FILES:
                        return
                    yield path
