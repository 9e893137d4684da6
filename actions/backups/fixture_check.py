"""Read a fixture as it streams by: is it JSON, object by object, and how many of each model?"""

import json
from collections import Counter
from itertools import chain
from operator import itemgetter
from typing import Any

from pydantic_core import SchemaValidator, ValidationError, core_schema

from storekeeper.errors import BackupRefused

_BETWEEN = b",\n"
_START = b"[\n"
_END = b"\n]\n"
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
    Parses every object of a fixture that comes in pieces; ``counts`` has the objects of each model.

    A newline inside of a text is escaped in JSON, so a comma and a newline stand between objects only.
    """

    def __init__(self) -> None:
        self.counts: Counter[str] = Counter()
        self._rest = b""
        self._begun = False

    def feed(self, data: bytes) -> None:
        """Take the next piece; raises BackupRefused where it is not what a fixture looks like."""
        if not self._begun:
            data = self._rest + data
            self._rest = data
            if len(data) < len(_START):
                return
            if not data.startswith(_START):
                raise BackupRefused("the fixture does not begin as a list")
            self._rest = b""
            data = data[len(_START) :]
            self._begun = True
        end = data.rfind(_BETWEEN)
        if end < 0:
            self._rest += data
            return
        self._parse(self._rest, memoryview(data)[:end])
        self._rest = data[end + len(_BETWEEN) :]

    def close(self) -> None:
        """Take the end; raises BackupRefused when the list is not closed."""
        if self._begun and not self.counts and self._rest == _END[1:]:
            return
        if not self._begun or not self._rest.endswith(_END):
            raise BackupRefused("the fixture ends too early")
        self._parse(self._rest[: -len(_END)])

    def _parse(self, *pieces: bytes | memoryview) -> None:
        text = b"".join(chain((b"[",), pieces, (b"]",)))
        try:
            objects = _OBJECTS.validate_json(text)
        except ValidationError as error:
            objects = _deep(text, why=error.errors(include_input=False, include_url=False)[0]["msg"])
        self.counts.update(map(_model, objects))


def _deep(text: bytes, *, why: str) -> list[dict[str, Any]]:
    """Let Python's own parser decide: an object may be nested deeper than pydantic reads."""
    try:
        found: list[dict[str, Any]] = json.loads(text)
        if all(isinstance(one["model"], str) and isinstance(one["fields"], dict) for one in found):
            return found
    except (ValueError, TypeError, KeyError, RecursionError):
        pass
    raise BackupRefused(f"the fixture is not valid: {why}")
