"""Which files do rows name? Asked of every file field of every model on every database."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from .moments import expired_before
from .spellings import Wanted
from .storages import prefix_below
from .tables import all_rows, concrete_models, databases_of, model_of, pages


def named_files(
    root: str, files: list[str], texts: list[str], expired: list[dict[str, Any]]
) -> Iterator[dict[str, Any]]:
    """
    Give ``{"named": [...]}`` with those of ``files`` (names below ``root``) that some row names, in parts.

    ``texts`` are further fields, ``app.Model.field``, whose text or JSON may name files. Rows that
    ``expired`` describes ({model, file, expires, before}) are left out of the question; ``before`` None
    leaves out every row of that field. The last answer is ``{"references": N}``, the number of rows that
    name any file at all. Every error of a query is passed on: half an answer would cost files.
    """
    wanted = Wanted(files)
    references = 0
    for model, field, is_file in naming_fields(texts):
        parts = [
            part
            for part in expired
            if (part["model"].lower(), part["file"]) == (model._meta.label_lower, field.name)
        ]
        prefix = (prefix_below(root, field) or "") if is_file else ""
        for alias in databases_of(model):
            rows = all_rows(model, using=alias).exclude(**{f"{field.name}__isnull": True})
            if is_file:
                rows = rows.exclude(**{field.name: ""})
            if parts:
                references += rows.count()
            if any(part["before"] is None for part in parts):
                continue
            for part in parts:
                rows = rows.exclude(**expired_before(model, part["expires"], part["before"]))
            for page in pages(rows, field.attname):
                references += len(page) if is_file and not parts else 0
                found: set[str] = set()
                for _, value in page:
                    found.update(
                        wanted.named_by(str(value), prefix=prefix) if is_file else wanted.named_in(value)
                    )
                if found:
                    yield {"named": sorted(found)}
    yield {"references": references}


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
