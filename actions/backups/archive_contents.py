"""What a dump of PostgreSQL holds, as its own table of contents lists it."""

import re
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from actions.backups.postgresql_dump import find_program
from storekeeper import processes
from storekeeper.config import Config

_LIST_SECONDS: Final = 600.0
_LINE: Final = re.compile(r"^(\d+); (\d+) (\d+) (.*)$")
# What belongs to an object that the line names, and goes where that one goes.
_OF_ANOTHER: Final = re.compile(
    r"^(?:COMMENT|ACL|SECURITY LABEL) (\S+) "
    r"((?:EVENT|MATERIALIZED|FOREIGN DATA|FOREIGN|LARGE|ACCESS|OPERATOR(?= CLASS| FAMILY)|PROCEDURAL"
    r"|TEXT SEARCH) )?(\S+) (.*)$"
)


@dataclass(frozen=True, kw_only=True)
class Entry:
    """
    One line of the contents: ``class_id`` and ``object_id`` are its address in the catalogues of its source.

    ``name`` is kind, schema and name, as in ``TABLE public app_order``. ``owner`` is empty for what has none;
    of an owner who is no role any more it is the last word.
    """

    number: int
    class_id: int
    object_id: int
    name: str
    owner: str

    def is_a(self, *kinds: str) -> bool:
        """Return whether it is of one of the kinds, such as ``TABLE DATA``."""
        return any(self.name.startswith(f"{kind} ") for kind in kinds)

    @property
    def subject(self) -> str:
        """Return the name of the object that a comment or a grant is about, else its own."""
        found = _OF_ANOTHER.match(self.name)
        if found is None:
            return self.name
        schema, first, last, name = found.groups(default="")
        return f"{first}{last} {schema} {name}"


def read_contents(path: Path, *, roles: Collection[str], config: Config) -> tuple[Entry, ...]:
    """Return what the dump holds, in the order of its restore; raises ProcessFailed."""
    listed = processes.run(
        [find_program("pg_restore", config=config), "--list", path], timeout_seconds=_LIST_SECONDS
    )
    longest_first = sorted(roles, key=len, reverse=True)
    found = (_LINE.match(line) for line in listed.decode("utf-8", "surrogateescape").split("\n"))
    return tuple(_entry(line, roles=longest_first) for line in found if line)


def contents_file(entries: Collection[Entry]) -> bytes:
    """Return the list that pg_restore's ``--use-list`` takes."""
    return "".join(f"{entry.number};\n" for entry in entries).encode()


def _entry(line: "re.Match[str]", *, roles: Collection[str]) -> Entry:
    text = line[4]
    if text.endswith(" "):
        name, owner = text[:-1], ""
    else:
        # A role's name may hold blanks.
        known = next((role for role in roles if text.endswith(f" {role}")), None)
        name, owner = (text[: -len(known) - 1], known) if known else text.rsplit(" ", 1)
    return Entry(number=int(line[1]), class_id=int(line[2]), object_id=int(line[3]), name=name, owner=owner)
