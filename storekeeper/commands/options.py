"""Make command-line options from the Options model of an action, so that both can never differ."""

import types
import typing
from pathlib import Path
from typing import Any

import click
from pydantic.fields import FieldInfo

from storekeeper.config.fields import Model


def options_of(model: type[Model]) -> list[click.Parameter]:
    """
    Give one parameter for each field: a flag for a bool, ``--x/--no-x`` where nothing is a third answer.

    A field marked ``json_schema_extra={"argument": True}`` becomes an argument without a name.
    """
    return [_parameter(name, field) for name, field in model.model_fields.items()]


def _parameter(name: str, field: FieldInfo) -> click.Parameter:
    kinds, optional = _kinds(field.annotation)
    extra = field.json_schema_extra if isinstance(field.json_schema_extra, dict) else {}
    # A word of Python's own has an underscore behind it.
    flag = f"--{name.rstrip('_').replace('_', '-')}"
    if extra.get("argument"):
        return click.Argument([name], required=field.is_required(), type=_type(kinds), default=None)
    help_text = field.description or ""
    if kinds == (bool,):
        declared = f"{flag}/--no-{flag[2:]}" if optional else flag
        return click.Option([declared, name], is_flag=True, default=field.default, help=help_text)
    if field.is_required():
        return click.Option([flag, name], type=_type(kinds), required=True, help=help_text)
    shown = field.default not in (None, "")
    return click.Option(
        [flag, name], type=_type(kinds), default=field.default, show_default=shown, help=help_text
    )


def _kinds(annotation: Any) -> tuple[tuple[Any, ...], bool]:
    """Give the types of a field without None, and whether None was one of them."""
    if typing.get_origin(annotation) in (types.UnionType, typing.Union):
        arguments = typing.get_args(annotation)
        return tuple(kind for kind in arguments if kind is not type(None)), type(None) in arguments
    return (annotation,), False


def _type(kinds: tuple[Any, ...]) -> "click.ParamType[Any]":
    kind = kinds[0]
    if typing.get_origin(kind) is typing.Literal:
        return click.Choice([str(choice) for choice in typing.get_args(kind)])
    if kind is int:
        return click.INT
    if kind is float:
        return click.FLOAT
    if kind is Path:
        return click.Path(path_type=Path)
    return click.STRING
