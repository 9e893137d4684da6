"""Which texts name files? For a first config: fields that are no file fields and name files all the same."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from .spellings import Wanted
from .tables import all_rows, concrete_models, databases_of

MOST_ROWS = 20_000


def texts_naming(root: str, files: list[str]) -> Iterator[dict[str, Any]]:
    """
    Give ``{"field": "app.Model.field"}`` for each text or JSON field that names one of ``files``.

    ``files`` are names below ``root``. Of each field the newest rows are read, at most MOST_ROWS that hold a
    slash. A table that cannot be asked is ``{"unasked": "app.Model.field", "why": ...}``.
    """
    from django.db import Error, models

    wanted = Wanted(files)
    for model in concrete_models():
        for field in model._meta.local_fields:
            if isinstance(field, (models.CharField, models.TextField, models.JSONField)):
                label = "{}.{}".format(model._meta.label, field.name)
                try:
                    if any(_names_one(model, field, wanted, using=alias) for alias in databases_of(model)):
                        yield {"field": label}
                except Error as error:
                    yield {"unasked": label, "why": "{}: {}".format(type(error).__name__, error)}


def _names_one(model: Any, field: Any, wanted: Wanted, *, using: str) -> bool:
    from django.db.models import TextField
    from django.db.models.functions import Cast

    # The text of a JSON value may hold other characters than the value, the slash is itself in both.
    rows = all_rows(model, using=using).annotate(_text=Cast(field.name, TextField()))
    values = rows.filter(_text__contains="/").order_by("-pk").values_list(field.attname, flat=True)
    return any(next(wanted.named_in(value), None) for value in values[:MOST_ROWS].iterator(chunk_size=1000))
