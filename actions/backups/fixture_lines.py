"""A fixture's lines, made of what the shop sends: is each of them JSON, and how many has each model?"""

import hashlib
import json
from collections import Counter
from collections.abc import Mapping, Sequence
from operator import itemgetter
from typing import Any

from pydantic_core import SchemaValidator, ValidationError, core_schema

from storekeeper.backups import TableSum
from storekeeper.errors import BackupRefused
from storekeeper.shopside.written import Lines

SEPARATOR = b",\n"
"""What ends a line of a fixture, but the last one."""

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


class FixtureLines:
    """
    The lines of a fixture, made of the columns that the shop sends, table by table.

    A line is an object, a comma and a newline. Each is parsed, and the lines of each table are summed up.
    """

    def __init__(self) -> None:
        self._tables: dict[str, _Table] = {}
        self._table: _Table | None = None

    def begin(self, label: str, fixed: Sequence[str]) -> None:
        """Hear that the columns of the table of this model come next, and the fixed parts of its lines."""
        self._table = self._tables[label] = _Table(fixed)

    def feed(self, columns: bytes) -> bytes:
        """Give the lines of some rows; raises BackupRefused where they are not what a fixture looks like."""
        if self._table is None:
            raise BackupRefused("the fixture does not begin with a table")
        return self._table.feed(columns)

    def sums(self, sent: Mapping[str, Mapping[str, Any]]) -> dict[str, TableSum]:
        """
        Give the sums of each table.

        ``sent`` is what the shop told of what it read and sent. Raises BackupRefused unless that came.
        """
        for label in sorted(sent.keys() ^ self._tables.keys()):
            raise BackupRefused(f"{label}: the table came without its sums, or these without the table")
        return {label: self._tables[label].sum(label, sent[label]) for label in sent}


class _Table:
    def __init__(self, fixed: Sequence[str]) -> None:
        self._lines = Lines(fixed)
        self._objects: Counter[str] = Counter()
        self._checksum = hashlib.sha256()
        self._arrived = hashlib.sha256()

    def feed(self, columns: bytes) -> bytes:
        self._arrived.update(columns)
        try:
            lines = self._lines.block(columns)
        except ValueError as error:
            raise BackupRefused(f"the columns of the fixture do not fit together: {error}") from None
        text = b"".join((b"[", memoryview(lines)[: -len(SEPARATOR)], b"]"))
        try:
            objects = _OBJECTS.validate_json(text)
        except ValidationError as error:
            objects = _deep(text, why=error.errors(include_input=False, include_url=False)[0]["msg"])
        self._objects.update(map(_model, objects))
        self._checksum.update(lines)
        return lines

    def sum(self, label: str, sent: Mapping[str, Any]) -> TableSum:
        arrived = dict(self._objects)
        if arrived != ({label.lower(): sent["rows"]} if sent["rows"] else {}):
            raise BackupRefused(f"{label}: {arrived} arrived, {sent['rows']} rows were read")
        if self._arrived.hexdigest() != sent["sent_sha256"]:
            raise BackupRefused(f"{label}: what arrived from the shop is not what it sent")
        return TableSum(rows=sent["rows"], checksum=self._checksum.hexdigest(), links=sent["links"])


def _deep(text: bytes, *, why: str) -> list[dict[str, Any]]:
    """Let Python's own parser decide: an object may be nested deeper than pydantic reads."""
    try:
        found: list[dict[str, Any]] = json.loads(text)
        if all(isinstance(one["model"], str) and isinstance(one["fields"], dict) for one in found):
            return found
    except (ValueError, TypeError, KeyError, RecursionError):
        pass
    raise BackupRefused(f"the fixture is not valid: {why}")
