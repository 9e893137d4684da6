"""What lies in a database beside its tables, in words: ``3 views (a, b, c)``."""

from collections.abc import Iterable
from typing import Final

_NAMED: Final = 3
_PLURALS: Final = {"policy": "policies", "text search dictionary": "text search dictionaries"}


def counted(found: Iterable[tuple[str, str]]) -> dict[str, int]:
    """Return for pairs of kind and name how many there are of each kind, with the first names."""
    names: dict[str, list[str]] = {}
    for kind, name in found:
        names.setdefault(kind, []).append(name)
    return {
        f"{_plural(kind) if len(known) > 1 else kind} ({_first(known)})": len(known)
        for kind, known in names.items()
    }


def _plural(kind: str) -> str:
    head, comma, rest = kind.partition(" with ")
    return _PLURALS.get(head, f"{head}s") + comma + rest


def _first(names: list[str]) -> str:
    return ", ".join(names[:_NAMED]) + (", …" if len(names) > _NAMED else "")
