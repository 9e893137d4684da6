"""The config's keys in words, for editors and the docs: the docstring below each key."""

import ast
import inspect
import textwrap
from itertools import pairwise
from typing import Any

from storekeeper.config.fields import Model
from storekeeper.config.model import FILLED_IN, Config


def config_schema() -> dict[str, Any]:
    """Give the JSON Schema of the config, with what each key means."""
    schema = Config.model_json_schema()
    models = {model.__name__: model for model in Model.__subclasses__()}
    for name, part in {Config.__name__: schema, **schema["$defs"]}.items():
        if name in models:
            for key, words in words_of(models[name]).items():
                part["properties"][key]["description"] = words
    schema["required"] = [key for key in schema["required"] if key not in FILLED_IN]
    return schema


def words_of(model: type[Model]) -> dict[str, str]:
    """
    Give the docstring below each key of a part of the config.

    Read from the source when somebody asks: pydantic would read it at every start, which takes longer than
    to build the models.
    """
    (definition,) = ast.parse(textwrap.dedent(inspect.getsource(model))).body
    assert isinstance(definition, ast.ClassDef)
    return {
        key.target.id: inspect.cleandoc(words.value.value)
        for key, words in pairwise(definition.body)
        if isinstance(key, ast.AnnAssign)
        and isinstance(key.target, ast.Name)
        and isinstance(words, ast.Expr)
        and isinstance(words.value, ast.Constant)
        and isinstance(words.value.value, str)
    }
