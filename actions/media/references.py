"""Ask the shop which files its rows name, before any of them is touched."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from storekeeper.config import Config
from storekeeper.shop.shop import Conversation


@dataclass(frozen=True, kw_only=True)
class Named:
    """The asked files that rows name, and how many rows name any file at all."""

    files: frozenset[str]
    references: int


def named_files(
    conversation: Conversation,
    *,
    config: Config,
    root: Path,
    files: Collection[str],
    expired: Sequence[Mapping[str, Any]] = (),
) -> Named:
    """
    Tell which of ``files``, names below ``root``, some row of any model on any database names now.

    ``expired`` describes rows that are left out of the question. Raises when any part of the question
    fails: a file is free only when every table has said so.
    """
    found: set[str] = set()
    references = 0
    for answer in conversation.stream(
        "named_files",
        root=str(root),
        files=list(files),
        texts=list(config.references),
        expired=[dict(part) for part in expired],
    ):
        found.update(answer.get("named", ()))
        references = answer.get("references", references)
    return Named(files=frozenset(found), references=references)
