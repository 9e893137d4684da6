"""
The one answer to the question: which of these files does anything in the shop name?

Asked of the databases themselves, not of the shop's models: every column that can hold text, of every table
of every database. Whoever wrote a name, and whatever class its field has, it counts. Cleanups, reports and
the exporter all ask here, so that they agree on every file.
"""

from collections import Counter
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Final

from storekeeper.config import Config
from storekeeper.databases import Engine
from storekeeper.errors import DatabaseUnavailable
from storekeeper.measure.name_search import NameSearch, batches
from storekeeper.measure.postgresql_texts import postgresql_relations, postgresql_texts
from storekeeper.measure.shop_databases import ShopDatabase, shop_databases
from storekeeper.measure.spellings import text_of
from storekeeper.measure.sqlite_texts import sqlite_relations, sqlite_texts
from storekeeper.measure.stored_texts import StoredTexts, bare
from storekeeper.shop import ShopDescription

# Files searched for at once, for each of which the search takes about a kilobyte; more take another pass.
FILES_AT_ONCE: Final = 200_000
# So much of one column is searched at a time.
SEARCHED_BYTES: Final = 1 << 18


@dataclass(frozen=True, kw_only=True)
class Column:
    """A column of a table in the database that the shop knows as ``database``."""

    database: str
    table: str
    column: str


@dataclass(frozen=True, kw_only=True)
class NamesFound:
    """
    ``places`` holds, for each file that is named, where it was found first: ``database: table.column``.

    ``references`` is the number of values in file fields: without any, the shop's data are not there.
    """

    places: Mapping[str, str]
    references: int


def find_names(
    files: Collection[str],
    *,
    config: Config,
    description: ShopDescription,
    going: Mapping[Column, Counter[str]] | None = None,
    pace: Callable[[int], None] | None = None,
) -> NamesFound:
    """
    Return which of ``files`` are named anywhere, and where.

    ``going`` holds, by column, the values of rows that are about to go: as many of each value do not count.
    ``pace`` is called with numbers of texts, and may wait for other work of the machine. Raises
    StorekeeperError where any table of any database cannot be read: then nothing is known of any file.
    """
    databases = shop_databases(config, description=description)
    for database in databases:
        _check_tables(database, description)
    places: dict[str, str] = {}
    references = 0
    for part in batches(files, size=FILES_AT_ONCE):
        search = NameSearch(part)
        references = 0
        for database in databases:
            if search.done and references:
                break
            reading = _Reading(
                database=database, description=description, config=config, going=going or {}, search=search
            )
            reading.run(pace)
            references += reading.references
        places.update(search.places)
    return NamesFound(places=places, references=references)


def _check_tables(database: ShopDatabase, description: ShopDescription) -> None:
    """Raise DatabaseUnavailable where the table of a file field is missing: its rows may be elsewhere."""
    wanted = {
        bare(model.table): model.label
        for model in description.models
        if model.database in database.aliases and (model.file_fields or model.path_fields)
    }
    if not wanted:
        return
    relations = sqlite_relations if database.address.engine is Engine.SQLITE else postgresql_relations
    present = relations(database.address)
    for table in sorted(wanted.keys() - present):
        raise DatabaseUnavailable(
            f"database {database.address.name} has no table {table}, in which {wanted[table]} names files",
            hint="Let the shop's migrations run first",
        )


@dataclass(kw_only=True)
class _Reading:
    """One database, read through once."""

    database: ShopDatabase
    description: ShopDescription
    config: Config
    going: Mapping[Column, Counter[str]]
    search: NameSearch
    references: int = 0
    _buffers: dict[tuple[str, str], list[bytes]] = field(default_factory=dict)
    _sizes: Counter[tuple[str, str]] = field(default_factory=Counter)
    _left: dict[tuple[str, str], Counter[str]] = field(default_factory=dict)

    def run(self, pace: Callable[[int], None] | None) -> None:
        file_columns = self._file_columns()
        first = {table for table, _ in file_columns} | set(self._text_tables())
        self._left = self._going_here()
        table, among_first = "", True
        for texts in self._texts(first, at_once=pace is None):
            if texts is None:
                self._flush()
                self._left = self._going_here()
                continue
            if texts.table != table:
                self._flush()
                table = texts.table
                if among_first and bare(table) not in first:
                    among_first = False
                    # What file fields name need not be searched for in all the rest.
                    self.search.forget_found()
                if self.search.done and not among_first:
                    return
            place = (table, texts.column)
            if (bare(table), texts.column) in file_columns:
                self.references += len(texts.values)
            self._take(place, texts)
            if pace is not None:
                pace(len(texts.values))
        self._flush()

    def _texts(self, first: Collection[str], *, at_once: bool) -> Iterator[StoredTexts | None]:
        address = self.database.address
        if address.engine is Engine.SQLITE:
            return sqlite_texts(address, first=first, at_once=at_once)
        return postgresql_texts(address, first=first, role=self.database.role)

    def _take(self, place: tuple[str, str], texts: StoredTexts) -> None:
        values = texts.values
        left = self._left.get(place)
        if left is not None:
            values = [value for value in values if not _is_going(value, left)]
        self._buffers.setdefault(place, []).extend(values)
        self._sizes[place] += sum(map(len, values))
        if self._sizes[place] > SEARCHED_BYTES:
            self._look(place)

    def _flush(self) -> None:
        for place in list(self._buffers):
            self._look(place)

    def _look(self, place: tuple[str, str]) -> None:
        values = self._buffers.pop(place, [])
        self._sizes.pop(place, None)
        if values:
            self.search.look(
                text_of(b"\n".join(values)), place=f"{self.database.address.name}: {'.'.join(place)}"
            )

    def _file_columns(self) -> set[tuple[str, str]]:
        return {
            (bare(model.table), one.column)
            for model in self.description.models
            if {model.database, *model.other_databases} & set(self.database.aliases)
            for one in model.file_fields
        } | {
            (bare(model.columns[name][0]), model.columns[name][1])
            for model in self.description.models
            if model.database in self.database.aliases
            for name in model.path_fields
        }

    def _text_tables(self) -> Iterator[str]:
        for label in self.config.references:
            name, _, text_field = label.rpartition(".")
            model = self.description.model(name)
            if model is not None and text_field in model.columns:
                yield bare(model.columns[text_field][0])

    def _going_here(self) -> dict[tuple[str, str], Counter[str]]:
        """Return how many rows with each value may be passed over; two names of one database are one."""
        left: dict[tuple[str, str], Counter[str]] = {}
        for column, values in self.going.items():
            if column.database in self.database.aliases:
                place = (bare(column.table), column.column)
                left[place] = left.get(place, Counter()) | values
        return left


def _is_going(value: bytes, left: Counter[str]) -> bool:
    text = text_of(value)
    if left[text] <= 0:
        return False
    left[text] -= 1
    return True
