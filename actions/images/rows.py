"""Ask the shop which rows name an image, and have their names changed."""

import os
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from storekeeper.config import Config
from storekeeper.shop.shop import Conversation


@dataclass(frozen=True, kw_only=True)
class NamingRow:
    """One field of one row that names ``file`` by ``value``; see shopside/file_names.py."""

    file: str
    model: str
    field: str
    database: str
    key: str
    value: str
    longest: int | None
    sized: bool

    def renamed(self, name: str) -> str:
        """Give the value that names the file ``name`` in the same folder."""
        return self.value[: len(self.value) - len(_last(self.value))] + _last(name)

    def fits(self, name: str) -> bool:
        """Tell whether the field has room for that value."""
        return self.longest is None or len(self.renamed(name)) <= self.longest

    def change(self, name: str, *, root: Path) -> dict[str, str]:
        """Give the change of this row to the file ``name``, as ``rename_in_rows`` takes it."""
        return {
            "model": self.model,
            "field": self.field,
            "database": self.database,
            "key": self.key,
            "old": self.value,
            "new": self.renamed(name),
            "path": os.fspath(root / name),
        }

    def place(self) -> dict[str, str]:
        """Give where the row is, without its value."""
        return {"model": self.model, "field": self.field, "database": self.database, "key": self.key}


@dataclass(kw_only=True)
class Naming:
    """``rows`` by file; ``fixed`` says for other files why not all their names can be changed."""

    rows: dict[str, list[NamingRow]] = field(default_factory=dict)
    fixed: dict[str, str] = field(default_factory=dict)


def rows_naming(
    conversation: Conversation,
    *,
    config: Config,
    root: Path,
    files: Collection[str],
    plain_files: bool,
    suffix: str,
) -> Naming:
    """Find every row that names one of ``files``, names below ``root``; raises when a table fails to say."""
    naming = Naming()
    for answer in conversation.stream(
        "rows_naming",
        root=os.fspath(root),
        files=list(files),
        texts=list(config.references),
        plain_files=plain_files,
        suffix=suffix,
    ):
        for row in answer.get("rows", ()):
            naming.rows.setdefault(row["file"], []).append(NamingRow(**row))
        naming.fixed.update(answer.get("fixed", {}))
    return naming


def rename_in_rows(
    conversation: Conversation, *, changes: Sequence[list[dict[str, str]]], permit: Path
) -> Iterator[str]:
    """Make each change wholly or not at all; give ``""``, or why it was not made, for each in its turn."""
    for answer in conversation.stream("rename_in_rows", changes=list(changes), permit=os.fspath(permit)):
        yield "" if answer["changed"] else answer["why"]


def settle_rows(conversation: Conversation, rows: Sequence[dict[str, str]]) -> None:
    """Return when no transaction is changing these rows any more."""
    conversation.ask("settle_rows", rows=list(rows))


def _last(name: str) -> str:
    return name.rpartition("/")[2]
