"""Which files the restored rows name, and which of them are not there."""

import os
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from actions.backups.sum_lines import readable
from storekeeper.config import Config
from storekeeper.databases import DatabaseAddress
from storekeeper.files import Tree
from storekeeper.measure.file_columns import column_values, tables_of
from storekeeper.measure.shop_databases import ShopDatabase
from storekeeper.measure.stored_texts import bare
from storekeeper.shop import ShopDescription

_SHOWN: Final = 10
# A file field that holds several names holds them as a list of some kind.
_BEGINS_LIST: Final = ("[", "{", "(", '"', "'")
_LIST: Final = re.compile(r"""["'\[\]{},;|\s]+""")


@dataclass(kw_only=True)
class NamedFiles:
    """
    How many names there are, and which files of them are missing.

    ``missing`` holds for each: the file, as it is shown, and the field that names it. ``missing_at_home`` are
    those of them that the shop itself does not have either. ``elsewhere`` counts names of files that lie
    outside of every area, as in an object store.
    """

    names: int = 0
    missing: list[tuple[str, str]] = field(default_factory=list)
    missing_files: int = 0
    missing_at_home: int = 0
    elsewhere: int = 0

    @property
    def told(self) -> str:
        """Say what was found."""
        if not self.missing_files:
            text = f"every file that one of {self.names} names means is there"
        else:
            shown = ", ".join(f"{file} ({by})" for file, by in self.missing)
            more = self.missing_files - len(self.missing)
            text = f"{self.missing_files} files that rows name are missing: {shown}"
            text += f" and {more} more" if more else ""
        if self.elsewhere:
            text += f"; {self.elsewhere} names are of files outside of the areas, which were not looked for"
        return text


def look_for_named_files(
    config: Config,
    *,
    description: ShopDescription,
    databases: Mapping[str, DatabaseAddress],
    roots: Mapping[str, Path],
    at_home: bool = False,
) -> NamedFiles:
    """
    Ask the databases, by their aliases, for the values of every file field, and look for each file.

    ``roots`` says where the files of each area lie now. With ``at_home`` a missing one is looked for in the
    area of the shop, too. Raises StorekeeperError where a table cannot be read.
    """
    found = NamedFiles()
    trees = {name: Tree(root) for name, root in roots.items()}
    homes = {
        name: Tree(config.areas[name].path) for name in roots if at_home and config.areas[name].path.is_dir()
    }
    seen: set[int] = set()
    try:
        for by, location, value in _values(description, databases):
            for name in _names_in(value):
                found.names += 1
                place = _place_of(location, name, config=config, areas=roots)
                if place is None:
                    found.elsewhere += 1
                    continue
                area, path = place
                if hash(place) in seen:
                    continue
                seen.add(hash(place))
                if trees[area].find(path) is not None:
                    continue
                found.missing_files += 1
                found.missing_at_home += area in homes and homes[area].find(path) is None
                if len(found.missing) < _SHOWN:
                    found.missing.append((readable(f"{area}/{path}"), by))
    finally:
        for tree in (*trees.values(), *homes.values()):
            tree.__exit__(None, None, None)
    return found


def _values(
    description: ShopDescription, databases: Mapping[str, DatabaseAddress]
) -> Iterator[tuple[str, Path | None, str]]:
    """Yield field, folder of its storage and value of each file field."""
    for alias, address in databases.items():
        database = ShopDatabase(address=address, aliases=(alias,))
        present = tables_of(database)
        for model in description.models:
            if alias not in (model.database, *model.other_databases) or bare(model.table) not in present:
                continue
            for one in model.file_fields:
                for value in column_values(database, table=model.table, column=one.column):
                    yield f"{model.label}.{one.name}", one.storage_location, value


def _names_in(value: str) -> list[str]:
    if value.startswith(_BEGINS_LIST):
        parts = [part for part in _LIST.split(value) if "." in part[1:]]
        if parts:
            return parts
    return [value]


def _place_of(
    location: Path | None, name: str, *, config: Config, areas: Mapping[str, Path]
) -> tuple[str, str] | None:
    """Return the area and the name in it; None for a file that lies in none, or a name that is a URL."""
    if location is None or "://" in name or "\0" in name:
        return None
    path = Path(os.path.normpath(Path(os.path.realpath(location), name)))
    for area in areas:
        root = Path(os.path.realpath(config.areas[area].path))
        if path != root and path.is_relative_to(root):
            return area, path.relative_to(root).as_posix()
    return None
