"""Content types and permissions by name: their numbers differ from one database to the next."""

from __future__ import annotations

from typing import Any

from django.db import models

from .json_text import json_text
from .table_columns import TableColumns

# The columns that make up the natural key, as the model's own natural_key() orders them.
NATURAL_KEYS = {
    "contenttypes.contenttype": ("app_label", "model"),
    "auth.permission": ("codename", "content_type__app_label", "content_type__model"),
}


class Names:
    """The natural keys of one database's content types and permissions, read once."""

    def __init__(self, database: str, *, columns: TableColumns) -> None:
        from django.apps import apps
        from django.db import router

        self._texts: dict[Any, dict[Any, str]] = {}
        for model in apps.get_models():
            natural = NATURAL_KEYS.get(model._meta.label_lower)
            if natural and router.allow_migrate_model(database, model) and columns.reads(model):
                rows = models.QuerySet(model, using=database).order_by().values_list("pk", *natural)
                self._texts[model] = {row[0]: json_text(list(row[1:])) for row in rows}

    def knows(self, model: Any) -> bool:
        """Tell whether rows of this model are written by name, without a key."""
        return model in self._texts

    def of_field(self, field: Any) -> Name | None:
        """Return the function from a relation's value to the name it stands for; None for other fields."""
        if field.remote_field is None:
            return None
        target = field.remote_field.model._meta.concrete_model
        texts = self._texts.get(target)
        key = getattr(field, "target_field", None) if not field.many_to_many else target._meta.pk
        if texts is None or key is not target._meta.pk:
            return None
        return Name(texts, told=f"{field.model._meta.label}.{field.name} refers to {target._meta.label}")

    def numbers(self, field: Any) -> bool:
        """Return whether a field refers to one of them by way of another model's key: by its number."""
        target = field
        while target.remote_field is not None and not target.many_to_many:
            target = target.target_field
            if target.model._meta.concrete_model in self._texts:
                return self.of_field(field) is None
        return False


class Name:
    """From the number of a content type or permission to its name, as JSON text."""

    def __init__(self, texts: dict[Any, str], *, told: str) -> None:
        self._texts = texts
        self._told = told
        self.first = next(iter(texts.values()), "null")
        """Any name, for a number that has none."""

    def __call__(self, value: Any) -> str:
        """Raise ValueError for a number that does not exist."""
        if value is None:
            return "null"
        if value not in self._texts:
            raise ValueError(f"{self._told} {value}, which does not exist")
        return self._texts[value]
