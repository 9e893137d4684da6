"""What reads a database for a backup: the shop's Django, and the file that it was led to."""

from dataclasses import dataclass
from pathlib import Path

from storekeeper.shop.shop import Conversation


@dataclass(frozen=True, kw_only=True)
class Reading:
    """
    A conversation with a shop whose Django reads a database.

    ``path`` is the file that it reads, None for PostgreSQL; ``live`` when others can write there meanwhile.
    """

    conversation: Conversation
    path: Path | None = None
    live: bool = True
