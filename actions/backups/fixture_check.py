"""Read a fixture as it streams by: is it JSON, object by object, and how many of each model?"""

import json
from collections import Counter
from operator import itemgetter
from typing import Any

from pydantic_core import from_json

from storekeeper.errors import BackupRefused

_BETWEEN = b",\n"
_START = b"[\n"
_END = b"\n]\n"
_model = itemgetter("model")


class FixtureCheck:
    """
    Parses every object of a fixture that comes in pieces; ``counts`` has the objects of each model.

    A newline inside of a text is escaped in JSON, so a comma and a newline stand between objects only.
    """

    def __init__(self) -> None:
        self.counts: Counter[str] = Counter()
        self._rest = b""
        self._begun = False

    def feed(self, data: bytes) -> None:
        """Take the next piece; raises BackupRefused where it is not what a fixture looks like."""
        self._rest += data
        if not self._begun:
            if len(self._rest) < len(_START):
                return
            if not self._rest.startswith(_START):
                raise BackupRefused("the fixture does not begin as a list")
            self._rest = self._rest[len(_START) :]
            self._begun = True
        end = self._rest.rfind(_BETWEEN)
        if end > 0:
            self._parse(self._rest[:end])
            self._rest = self._rest[end + len(_BETWEEN) :]

    def close(self) -> None:
        """Take the end; raises BackupRefused when the list is not closed."""
        if self._begun and not self.counts and self._rest == _END[1:]:
            return
        if not self._begun or not self._rest.endswith(_END):
            raise BackupRefused("the fixture ends too early")
        self._parse(self._rest[: -len(_END)])

    def _parse(self, objects: bytes) -> None:
        text = b"[" + objects + b"]"
        try:
            found = _read(text)
            self.counts.update(map(_model, found))
            if not all("fields" in one for one in found):
                raise BackupRefused("an object of the fixture has no fields")
        except (ValueError, TypeError, KeyError) as error:
            raise BackupRefused(f"the fixture is not valid: {type(error).__name__}: {error}") from None


def _read(text: bytes) -> list[dict[str, Any]]:
    try:
        found: list[dict[str, Any]] = from_json(text)
    except ValueError:
        # Deeper than pydantic reads, perhaps; json decides.
        found = json.loads(text)
    return found
