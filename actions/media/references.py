"""Ask which files anything in the shop names, before any of them is touched."""

from collections import Counter
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from storekeeper.config import Config
from storekeeper.measure.names_in_databases import Column, find_names
from storekeeper.shop import ShopDescription
from storekeeper.shop.shop import Conversation


@dataclass(frozen=True, kw_only=True)
class Named:
    """
    The asked files that are named, and how many values of file fields there are at all.

    ``places`` tells of each named file where: ``database: table.column``.
    """

    files: frozenset[str]
    references: int
    places: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class GoingRow:
    """A row that is about to go: the value of its field does not count as naming a file."""

    database: str
    model: str
    field: str
    value: str


def named_files(
    conversation: Conversation,
    *,
    config: Config,
    root: Path,
    files: Collection[str],
    going: Iterable[GoingRow] = (),
) -> Named:
    """
    Return which of ``files``, names below ``root``, anything in any database of the shop names now.

    Raises StorekeeperError when any part of the question fails: a file is free only when every table has
    said so.
    """
    del root  # The last part of a name is enough, wherever a text says that the file lies.
    description = ShopDescription.model_validate(conversation.ask("describe"))
    found = find_names(files, config=config, description=description, going=_values(going, description))
    return Named(files=frozenset(found.places), references=found.references, places=found.places)


def _values(going: Iterable[GoingRow], description: ShopDescription) -> dict[Column, Counter[str]]:
    values: dict[Column, Counter[str]] = {}
    columns: dict[tuple[str, str, str], Column] = {}
    for row in going:
        key = (row.database, row.model, row.field)
        column = columns.get(key)
        if column is None:
            model = description.model(row.model)
            assert model is not None, "the plan has asked for its rows"
            table, name = model.columns[row.field]
            column = columns[key] = Column(database=row.database, table=table, column=name)
        values.setdefault(column, Counter())[row.value] += 1
    return values
