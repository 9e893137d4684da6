"""
A set of texts in 8 bytes for each: what the rows of a large shop name, while files are looked up in it.

A text is known by 64 bits of Python's own hash, which is keyed anew in each process: two of a million texts
share one less than once in ten million measurements, and nobody can choose names that do.
"""

from array import array
from bisect import bisect_left
from collections.abc import Iterable, Sequence
from typing import Final

# So many that sorting one part needs little memory, and so few that an empty set is small.
PARTS: Final = 256
LAST_PART: Final = PARTS - 1


class KeySet:
    """Texts are added, the set is closed, and then asked."""

    def __init__(self) -> None:
        self._parts: list[array[int]] = [array("q") for _ in range(PARTS)]

    def __len__(self) -> int:
        """Give the number of texts; of those added more than once all count until the set is closed."""
        return sum(map(len, self._parts))

    def add(self, texts: Iterable[str]) -> None:
        """Add texts."""
        parts = self._parts
        for key in map(hash, texts):
            parts[key & LAST_PART].append(key)

    def close(self) -> None:
        """Put the keys in order, each once."""
        for place, part in enumerate(self._parts):
            self._parts[place] = array("q", sorted(set(part)))

    def take_from(self, other: "KeySet") -> int:
        """
        Close both sets, and leave to ``other`` only what is not in this one.

        Gives how many of the texts that were added to ``other`` it lost.
        """
        lost = 0
        self.close()
        for mine, place in zip(self._parts, range(PARTS), strict=True):
            known = set(mine)
            theirs = other._parts[place]
            kept = [key for key in theirs if key not in known]
            lost += len(theirs) - len(kept)
            other._parts[place] = array("q", kept)
        other.close()
        return lost

    def places_of(self, texts: Sequence[str]) -> list[int]:
        """Give the places in ``texts`` of those that are in the set."""
        parts, last_part = self._parts, LAST_PART
        found = []
        for place, key in enumerate(map(hash, texts)):
            part = parts[key & last_part]
            index = bisect_left(part, key)
            if index < len(part) and part[index] == key:
                found.append(place)
        return found
