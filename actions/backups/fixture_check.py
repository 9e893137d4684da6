"""Read a fixture as it streams by: is it JSON, object by object, and how many of each model?"""

import hashlib
import json
from collections import Counter
from collections.abc import Mapping
from operator import itemgetter
from typing import Any

from pydantic_core import SchemaValidator, ValidationError, core_schema

from storekeeper.backups import TableSum
from storekeeper.errors import BackupRefused

_SEPARATOR = b",\n"
_model = itemgetter("model")

# Every byte is parsed, but nothing is built of an object except for the name of its model.
_OBJECTS = SchemaValidator(
    core_schema.list_schema(
        core_schema.typed_dict_schema(
            {
                "model": core_schema.typed_dict_field(core_schema.str_schema(strict=True)),
                "fields": core_schema.typed_dict_field(
                    core_schema.typed_dict_schema({}, extra_behavior="ignore")
                ),
            },
            extra_behavior="ignore",
        )
    ),
    # A message goes to logs; the shop's rows do not.
    core_schema.CoreConfig(hide_input_in_errors=True),
)


class FixtureCheck:
    """
    Parses every object of a fixture that comes in blocks of whole lines, and sums up the lines of each table.

    A line is an object, a comma and a newline; a newline inside of a text is escaped in JSON.
    """

    def __init__(self) -> None:
        self._objects: Counter[str] = Counter()
        self._sums: dict[str, hashlib._Hash] = {}
        self._sum = hashlib.sha256()

    def begin(self, label: str) -> None:
        """Hear that the lines of the table of this model come next."""
        self._sum = self._sums[label] = hashlib.sha256()

    def feed(self, lines: bytes) -> None:
        """Take the next lines; raises BackupRefused where they are not what a fixture looks like."""
        if not lines.endswith(_SEPARATOR):
            raise BackupRefused("the fixture is cut inside of a line")
        self._sum.update(lines)
        text = b"".join((b"[", memoryview(lines)[: -len(_SEPARATOR)], b"]"))
        try:
            objects = _OBJECTS.validate_json(text)
        except ValidationError as error:
            objects = _deep(text, why=error.errors(include_input=False, include_url=False)[0]["msg"])
        self._objects.update(map(_model, objects))

    def compare(self, tables: Mapping[str, TableSum]) -> None:
        """Raise BackupRefused unless what came is what was sent: of each table the objects and their sum."""
        for label, table in tables.items():
            arrived = self._objects.pop(label.lower(), 0)
            if arrived != table.rows:
                raise BackupRefused(f"{label}: {arrived} objects arrived, {table.rows} rows were read")
            if label not in self._sums or self._sums[label].hexdigest() != table.checksum:
                raise BackupRefused(f"{label}: what arrived from the shop is not what it sent")
        if self._objects:
            raise BackupRefused(f"the fixture has objects of unknown models: {', '.join(self._objects)}")


def _deep(text: bytes, *, why: str) -> list[dict[str, Any]]:
    """Let Python's own parser decide: an object may be nested deeper than pydantic reads."""
    try:
        found: list[dict[str, Any]] = json.loads(text)
        if all(isinstance(one["model"], str) and isinstance(one["fields"], dict) for one in found):
            return found
    except (ValueError, TypeError, KeyError, RecursionError):
        pass
    raise BackupRefused(f"the fixture is not valid: {why}")
