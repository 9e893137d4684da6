"""What goes along when objects of a PostgreSQL database are dropped, by its own catalogue of dependencies."""

from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from typing import Final

import psycopg

Address = tuple[int, int]
"""The catalogue and the row in it."""

# A user mapping is listed without a place of its own; it goes with its server.
# Below this number the objects are the system's own; a schema such as public may be among them.
_DEPENDENCIES: Final = """
    SELECT classid::bigint, objid::bigint, refclassid::bigint, refobjid::bigint,
      CASE WHEN classid = 'pg_user_mapping'::regclass THEN 'a' ELSE deptype::text END
    FROM pg_depend WHERE objid >= 16384 AND deptype <> 'x'
"""
# A part of its parent: of an extension, an index of a table, a rule of a view, a partition.
_PARTS: Final = frozenset("aieIPS")


@dataclass(frozen=True, kw_only=True)
class Dependency:
    """``one`` needs ``other``; as a part it goes with it without a word."""

    one: Address
    other: Address
    part: bool


@dataclass(frozen=True, kw_only=True)
class Collision:
    """``stays`` needs ``goes``."""

    stays: Address
    goes: Address


def read_dependencies(connection: "psycopg.Connection[tuple[object, ...]]") -> tuple[Dependency, ...]:
    """Return every dependency of an object that the system did not bring; raises psycopg.Error."""
    rows: list[tuple[int, int, int, int, str]] = connection.execute(_DEPENDENCIES).fetchall()  # type: ignore[assignment]
    return tuple(
        Dependency(one=(a, b), other=(c, d), part=kind in _PARTS)
        for a, b, c, d, kind in rows
        if (a, b) != (c, d)
    )


class Dependencies:
    """The dependencies of one database."""

    def __init__(self, found: Iterable[Dependency]) -> None:
        self._needed_by: dict[Address, list[Dependency]] = {}
        self._needs: dict[Address, list[Dependency]] = {}
        for one in found:
            self._needed_by.setdefault(one.other, []).append(one)
            self._needs.setdefault(one.one, []).append(one)

    def needs(self, address: Address) -> Iterator[Address]:
        """Yield what the object needs, directly."""
        for one in self._needs.get(address, ()):
            yield one.other

    def is_part_of(self, address: Address, *, among: Collection[Address]) -> bool:
        """Return whether the object is a part of one of these, and so goes with it."""
        return any(one.part and one.other in among for one in self._needs.get(address, ()))

    def collisions(self, going: Collection[Address], *, staying: Collection[Address]) -> Iterator[Collision]:
        """Yield each object that stays and needs, at any distance, one of those that go."""
        reached = set(going)
        waiting = list(going)
        while waiting:
            goes = waiting.pop()
            for edge in self._needed_by.get(goes, ()):
                if edge.one in reached:
                    continue
                reached.add(edge.one)
                waiting.append(edge.one)
                if edge.one in staying:
                    yield Collision(stays=edge.one, goes=goes)
                    continue
                for whole in self._left(edge.one, going=reached):
                    yield Collision(stays=whole, goes=goes)

    def _left(self, address: Address, *, going: Collection[Address]) -> Iterator[Address]:
        """Yield what stays and has the object as a part, or the object where it is a part of nothing."""
        seen = {address}
        waiting = [address]
        while waiting:
            one = waiting.pop()
            parents = [edge.other for edge in self._needs.get(one, ()) if edge.part]
            if not parents:
                yield one
            new = [parent for parent in parents if parent not in seen and parent not in going]
            seen.update(new)
            waiting += new
