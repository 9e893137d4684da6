"""
What the shop has and nobody here can measure or back up: uploads in an object store, unknown databases.

That a database or a folder does not answer now is another thing: whoever measures it tells that.
"""

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from storekeeper.config import Config
from storekeeper.databases import address_from_django
from storekeeper.errors import ConfigurationError, EngineNotKept
from storekeeper.shop import ShopDescription, UsedStorage
from storekeeper.shop.storages import is_inside, why_not_measured

UPLOADS: Final = "uploads"
DATABASE: Final = "database"
# What Django takes for a shop without a database.
_NO_DATABASE: Final = "dummy"


@dataclass(frozen=True, kw_only=True)
class NotMeasured:
    """One such thing: its ``kind``, which one of them (``what``), and words for a person."""

    kind: str
    what: str
    text: str
    hint: str

    def __str__(self) -> str:
        return f"{self.text}. {self.hint}"


def not_measured(config: Config, *, description: ShopDescription) -> tuple[NotMeasured, ...]:
    """Return everything of the shop that is neither measured nor backed up by this config."""
    roots = [Path(os.path.realpath(area.path)) for area in config.areas.values()]
    return (
        *_databases(config, description),
        *(_of_storage(storage) for storage in description.storages if not _is_measured(storage, roots=roots)),
    )


def _databases(config: Config, description: ShopDescription) -> Iterator[NotMeasured]:
    for alias, settings in description.databases.items():
        engine = str(settings.get("ENGINE", ""))
        if engine.rpartition(".")[2] == _NO_DATABASE:
            continue
        try:
            address_from_django(alias, settings=settings, project=config.project)
        except EngineNotKept as error:
            yield NotMeasured(
                kind=DATABASE,
                what=alias,
                text=f"database {alias}: not measured and not backed up: its engine is {engine or '(none)'}",
                hint=error.hint,
            )
        except ConfigurationError:
            continue


def _is_measured(storage: UsedStorage, *, roots: list[Path]) -> bool:
    if storage.location is None:
        return False
    # A folder that no file field uses may be nobody's.
    return not storage.fields or any(is_inside(storage, root=root) for root in roots)


def _of_storage(storage: UsedStorage) -> NotMeasured:
    text, hint = why_not_measured(storage)
    what = storage.name or storage.backend.rpartition(".")[2]
    return NotMeasured(
        kind=UPLOADS,
        what=what if storage.location is None else str(storage.location),
        text=text,
        hint=hint,
    )
