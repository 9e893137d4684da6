"""
What the file fields of a shop name now: which folders, which files, and what is made of these.

A thumbnail or another variant bears the name of its original with something before or after it. So a file
whose name holds the name of a live one, without its ending, is made of it and stays. Names are compared
without their case, and all that is no letter or digit counts as one separator. A name of fewer than four
letters would be found in any other: such a one has to stand between separators, in a file of the same folder,
of one in it or above it. A number does not count as the beginning of a longer one: ``photo1`` is not in
``photo12``.
"""

import os
import posixpath
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from storekeeper.config import Config
from storekeeper.measure.file_columns import column_values, tables_of
from storekeeper.measure.shop_databases import shop_databases
from storekeeper.measure.spellings import decoded, folded
from storekeeper.measure.stored_texts import bare
from storekeeper.shop import ShopDescription

SHORT: Final = 4
# Vowel signs of many scripts are no letters to re; they belong to their word all the same.
_SEPARATORS: Final = re.compile(r"[\x00-\x2f\x3a-\x40\x5b-\x60\x7b-\x7f\s]+")
# A file field that holds several names holds them as a list of some kind.
_LIST: Final = re.compile(r"""["'\[\]{},;|\s]+""")
_BEGINS_LIST: Final = ("[", "{", "(", '"', "'")


class LiveNames:
    """
    The names that rows hold; only their hashes are kept, so that millions take little room.

    ``folders`` are those in which rows name files, below the area.
    """

    def __init__(self) -> None:
        self.folders: set[str] = set()
        self.count = 0
        self._paths: set[int] = set()
        self._stems: set[int] = set()
        self._short: set[int] = set()
        self._lengths: dict[str, set[int]] = {}

    def add(self, value: str, *, prefix: str = "") -> None:
        """Take in the value of a file field; ``prefix`` is where its storage lies below the area."""
        self.count += 1
        self._add_path(prefix + value, folder=True)
        # A name may hold the marks of a list: of "[x].webp" no part is a name.
        parts = [part for part in _LIST.split(value) if "." in part[1:]]
        if len(parts) > 1 or value[:1] in _BEGINS_LIST:
            for part in parts:
                self._add_path(prefix + part, folder=False)

    def add_elsewhere(self, value: str) -> None:
        """Take in the name of a file that lies elsewhere; what is made of it may lie in the area."""
        self.count += 1
        self._add_stem(value.rpartition("/")[2], above="")

    def names(self, path: str) -> bool:
        """Return whether a row names the file at this path below the area."""
        return hash(folded(path)) in self._paths

    def made_of_live(self, path: str) -> bool:
        """Return whether the file is a variant of one that a row names."""
        folder, _, last = path.rpartition("/")
        name = plain(last)
        return self._holds_long(name) or self._holds_short(name, folder=folder)

    def is_stem(self, part: str) -> bool:
        """Return whether a folder is called as a live file is, with or without its ending."""
        return hash(plain(part)) in self._stems or hash(plain(part.rpartition(".")[0])) in self._stems

    def _add_path(self, text: str, *, folder: bool) -> None:
        path = posixpath.normpath(text.lstrip("/"))
        if path.startswith("..") or "\0" in path:
            return
        above, _, last = path.rpartition("/")
        self._paths.add(hash(folded(path)))
        if folder:
            self.folders.add(above)
        self._add_stem(last, above=above)

    def _add_stem(self, last: str, *, above: str) -> None:
        stem = stem_of(last)
        if not stem:
            return
        self._stems.add(hash(stem))
        if len(stem) < SHORT:
            self._short.add(hash((_top(above), stem)))
        else:
            self._lengths.setdefault(stem[:SHORT], set()).add(len(stem))

    def _holds_long(self, name: str) -> bool:
        for start in range(len(name) - SHORT + 1):
            for length in self._lengths.get(name[start : start + SHORT], ()):
                end = start + length
                if end <= len(name) and hash(name[start:end]) in self._stems and _apart(name, start, end):
                    return True
        return False

    def _holds_short(self, name: str, *, folder: str) -> bool:
        top, padded = _top(folder), f"_{name}_"
        return any(
            padded[start + length] == "_" and hash((top, padded[start : start + length])) in self._short
            for start in range(1, len(padded))
            if padded[start - 1] == "_"
            for length in range(1, min(SHORT, len(padded) - start))
        )


def plain(name: str) -> str:
    """Return a name as it is compared: small letters and digits, with one mark for all between them."""
    return _SEPARATORS.sub("_", folded(decoded(name))).strip("_")


def _top(folder: str) -> str:
    return folded(folder.partition("/")[0])


def _apart(name: str, start: int, end: int) -> bool:
    """Return False where a number is cut out of a longer one."""
    return not (_number_goes_on(name[end - 1 :]) or _number_goes_on(name[start::-1]))


def _number_goes_on(text: str) -> bool:
    """Return whether a text begins with a digit and the number of which it is one ends the word."""
    digits = len(text) - len(text.lstrip("0123456789"))
    return digits > 1 and (digits == len(text) or text[digits] == "_")


def stem_of(name: str) -> str:
    """Return a file's name without its ending, as it is compared."""
    return plain(name.rpartition(".")[0] or name)


def read_live_names(root: Path, *, config: Config, description: ShopDescription) -> LiveNames:
    """
    Return what the file fields of all models on all databases name now, as seen from ``root``.

    Raises StorekeeperError where a table cannot be read.
    """
    live = LiveNames()
    real = Path(os.path.realpath(root))
    for database in shop_databases(config, description=description):
        present = tables_of(database)
        for model in description.models:
            if not {model.database, *model.other_databases} & set(database.aliases):
                continue
            if bare(model.table) not in present:
                # That a table is missing where it has to be is found when names are asked for.
                continue
            for one in model.file_fields:
                place = _Place.of(real, one.storage_location)
                for value in column_values(database, table=model.table, column=one.column):
                    place.add(value, to=live)
    return live


@dataclass(frozen=True, kw_only=True)
class _Place:
    """Where a storage lies, seen from an area: ``prefix`` below it, or ``above`` it; else elsewhere."""

    prefix: str | None = None
    above: str | None = None

    @classmethod
    def of(cls, root: Path, location: Path | None) -> "_Place":
        if location is None:
            return cls()
        folder = Path(os.path.realpath(location))
        if folder.is_relative_to(root):
            inside = folder.relative_to(root).as_posix()
            return cls(prefix="" if inside == "." else f"{inside}/")
        return cls(above=f"{root.relative_to(folder).as_posix()}/" if root.is_relative_to(folder) else None)

    def add(self, value: str, *, to: LiveNames) -> None:
        if self.prefix is not None:
            to.add(value, prefix=self.prefix)
        elif self.above is not None and value.startswith(self.above):
            to.add(value[len(self.above) :])
        else:
            to.add_elsewhere(value)
