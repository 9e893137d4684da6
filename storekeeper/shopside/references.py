"""The fields whose values are names of files, so that a name in them can be changed."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from .tables import concrete_models, model_of


def naming_fields(texts: list[str]) -> Iterator[tuple[Any, Any, bool]]:
    """Give (model, field, whether it is a file field) of every field that may name a file."""
    from django.db import models

    for model in concrete_models():
        for field in model._meta.local_fields:
            if isinstance(field, models.FileField):
                yield model, field, True
            elif isinstance(field, models.FilePathField):
                yield model, field, False
    for text in texts:
        label, _, name = text.rpartition(".")
        model = model_of(label)
        yield model, model._meta.get_field(name), False
