"""Turn what is wrong with a config into lines for a person: the key, the value, what to write."""

import difflib
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from pydantic import BaseModel, ValidationError

# A value is shown so that it is found again in the file, not so that it is read whole.
VALUE_CHARACTERS = 60

# What stands before the @ of a URL, however the URL is broken.
_PASSWORD: Final = re.compile(r":[^\s'\"]*@")
# A secret key that stands where a public one belongs.
_SECRET_KEY: Final = re.compile(r"(?i)(AGE-SECRET-KEY-)[^\s'\"]*")
# Keys below which values are secrets as a rule.
_SECRETS: Final = frozenset({"environment"})
_SHOULD_BE: Final = "Input should be "
# As YAML calls them.
_WORDS: Final = {"tuple_type": "a list", "dict_type": "a mapping", "model_type": "a mapping"}


def describe_problems(error: ValidationError, *, document: Any, model: type[BaseModel]) -> tuple[str, ...]:
    """
    Give one line for every problem, in the order of the file.

    Values are taken from ``document``, the file as it was written, so that no ``${VARIABLE}`` is ever
    shown expanded.
    """
    lines: dict[str, None] = {}
    expected: dict[str, str] = {}
    for problem in error.errors(include_url=False):
        # A value that fits none of several types is told once, by the key.
        location = [part for part in problem["loc"] if _exists(document, part, problem["loc"])]
        key = ".".join(str(part) for part in location) or "(the file)"
        if problem["type"] == "extra_forbidden":
            line = f"{key}: no such key{_suggestion(str(location[-1]), location[:-1], model)}"
        elif problem["type"] == "missing":
            line = f"{'.'.join(str(part) for part in problem['loc'])}: missing"
        else:
            message = problem["msg"].removeprefix("Value error, ")
            line = f"{key}: {_shown(_value(document, location), location=location)}: {message}"
            if message.startswith(_SHOULD_BE):
                # One of several types: they are told together.
                wanted = _WORDS.get(problem["type"], message.removeprefix(_SHOULD_BE))
                lines.pop(expected.get(key, ""), None)
                before = expected[key].rpartition(_SHOULD_BE)[2] + " or " if key in expected else ""
                shown = _shown(_value(document, location), location=location)
                line = f"{key}: {shown}: {_SHOULD_BE}{before}{wanted}"
                expected[key] = line
        lines[line] = None
    return tuple(lines)


def _exists(document: Any, part: int | str, location: Sequence[int | str]) -> bool:
    """Tell whether a part of pydantic's location is a key of the file, not the name of a type."""
    value = document
    for step in location:
        if isinstance(value, Mapping) and step in value:
            value = value[step]
        elif isinstance(value, Sequence) and not isinstance(value, str) and isinstance(step, int):
            value = value[step] if step < len(value) else None
        else:
            return False
        if step is part:
            return True
    return False


def _value(document: Any, location: Sequence[int | str]) -> Any:
    for step in location:
        document = document[step]
    return document


def _shown(value: Any, *, location: Sequence[int | str]) -> str:
    if _SECRETS.intersection(location):
        return "***"
    text = _PASSWORD.sub(":***@", repr(value) if isinstance(value, str) else str(value))
    text = _SECRET_KEY.sub(r"\1…", text)
    return text if len(text) <= VALUE_CHARACTERS else text[:VALUE_CHARACTERS] + "…"


def _suggestion(key: str, parents: Sequence[int | str], model: type[BaseModel]) -> str:
    """Give the key that was likely meant, or all that exist here."""
    known = sorted(_keys_below(parents, model))
    close = difflib.get_close_matches(key, known, n=1)
    if close:
        return f"; did you mean {close[0]}?"
    return f"; known here: {', '.join(known)}" if known else ""


def _keys_below(parents: Sequence[int | str], model: type[BaseModel]) -> Iterator[str]:
    """Give the keys that the model has at this place of the file."""
    current: Any = model
    for part in parents:
        if isinstance(current, type) and issubclass(current, BaseModel):
            field = current.model_fields.get(str(part))
            current = field.annotation if field else None
        else:
            current = _item_type(current)
    while current is not None and not (isinstance(current, type) and issubclass(current, BaseModel)):
        current = _item_type(current)
    if current is not None:
        yield from current.model_fields


def _item_type(annotation: Any) -> Any:
    """Give the model inside ``dict[Name, Model]``, ``tuple[Model, ...]`` or ``Model | None``."""
    arguments = [part for part in getattr(annotation, "__args__", ()) if part not in (type(None), Ellipsis)]
    return arguments[-1] if arguments else None
