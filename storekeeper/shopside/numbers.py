"""The numbers of content types and permissions: a restored database is to have those that it had."""

from __future__ import annotations

from typing import Any

from .names import NATURAL_KEYS

_CONTENT_TYPE, _PERMISSION = NATURAL_KEYS


def numbers_of(database: str, *, written: set[str]) -> dict[str, list[list[Any]]]:
    """Return, for each model in ``written`` that stands there by name, the number and name of each row."""
    from django.apps import apps
    from django.db import models

    return {
        model._meta.label_lower: [
            list(row)
            for row in models.QuerySet(model, using=database)
            .order_by("pk")
            .values_list("pk", *NATURAL_KEYS[model._meta.label_lower])
        ]
        for model in apps.get_models()
        if model._meta.label_lower in NATURAL_KEYS and model._meta.label in written
    }


def keep_numbers(numbers: dict[str, list[list[Any]]], *, database: str) -> None:
    """
    Put content types and permissions into their empty tables, under the numbers that they had.

    loaddata finds them there by their names, and fills in the rest.
    """
    from django.apps import apps
    from django.db import models

    known = {(label, name): key for key, label, name in numbers.get(_CONTENT_TYPE, [])}
    made = {
        _CONTENT_TYPE: [
            {"pk": key, "app_label": label, "model": name}
            for key, label, name in numbers.get(_CONTENT_TYPE, [])
        ],
        _PERMISSION: [
            {"pk": key, "codename": codename, "name": codename, "content_type_id": known[label, name]}
            for key, codename, label, name in numbers.get(_PERMISSION, [])
            if (label, name) in known
        ],
    }
    for label, rows in made.items():
        if rows and apps.is_installed(f"django.contrib.{label.partition('.')[0]}"):
            model = apps.get_model(label)
            models.QuerySet(model, using=database).bulk_create([model(**row) for row in rows], batch_size=100)
