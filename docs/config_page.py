"""docs/config.md: each key of the model of the config with the docstring below it in storekeeper/config."""

import re
import types
import typing
from collections.abc import Iterator, Mapping
from typing import Any, Final

from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined

from actions.schedules import DEFAULTS
from storekeeper.config import Config
from storekeeper.config.fields import Model
from storekeeper.config.model import FILLED_IN
from storekeeper.config.schema import words_of
from storekeeper.units import Age

HEAD: Final = """\
# The config: storekeeper.yml

`storekeeper init --project DIR` writes one for a shop, `storekeeper check-config` tells every problem in
it, and `storekeeper check-config --schema` prints its JSON Schema for editors. Relative paths count from
`project`. Sizes are written `100MB`, `1GiB` or in bytes, ages `7d`, `1h`, `3 months`. An unknown key is an
error. A `NAME` stands for any name of letters, digits, `_` and `-`.

| key | what | default |
| --- | --- | --- |
"""
SCHEDULE_HEAD: Final = """
## The shipped schedule

Minute, hour, day, month, weekday, in the time of the machine. What fell due while nothing ran is made up
for once.

| action | when |
| --- | --- |
"""


def page() -> str:
    """Give the whole document."""
    rows = [f"| `{key}` | {words} | {default} |" for key, words, default in _keys(Config, prefix="")]
    schedule = [f"| `{action}` | `{cron}` |" for action, cron in DEFAULTS.items()]
    return HEAD + "\n".join(rows) + "\n" + SCHEDULE_HEAD + "\n".join(schedule) + "\n"


def _keys(model: type[Model], *, prefix: str) -> Iterator[tuple[str, str, str]]:
    words = words_of(model)
    for name, field in model.model_fields.items():
        key = f"{prefix}{name}"
        if name not in words:
            raise SystemExit(f"{key} has no docstring in storekeeper/config")
        required = field.is_required() and not (model is Config and name in FILLED_IN)
        yield key, cell(words[name]) + (" Required." if required else ""), _default(field)
        inner, path = _inner(field.annotation, key)
        if inner is not None:
            yield from _keys(inner, prefix=f"{path}.")


def cell(text: str) -> str:
    """Give a text as a cell of a table in Markdown."""
    return re.sub(r"\s+", " ", text.replace("``", "`").replace("|", "\\|")).strip()


def _default(field: FieldInfo) -> str:
    value = field.default
    if value is PydanticUndefined or value is None or isinstance(value, Model) or value in ((), {}):
        return ""
    if isinstance(value, Age):
        return f"`{value}`"
    if isinstance(value, bool):
        return f"`{str(value).lower()}`"
    return f"`{value}`"


def _inner(annotation: Any, path: str) -> tuple[type[Model] | None, str]:
    """Give the model that the values below a key have, and how such a key is written."""
    if isinstance(annotation, type) and issubclass(annotation, Model):
        return annotation, path
    origin, arguments = typing.get_origin(annotation), typing.get_args(annotation)
    if origin in (typing.Union, types.UnionType):
        for argument in arguments:
            found = _inner(argument, path)
            if found[0] is not None:
                return found
    if origin in (dict, Mapping):
        return _inner(arguments[1], f"{path}.NAME")
    if origin is tuple:
        return _inner(arguments[0], f"{path}[]")
    if origin is typing.Annotated:
        return _inner(arguments[0], path)
    return None, path
