"""Would the deletion of a row delete, or be forbidden by, anything else?"""

from __future__ import annotations

import functools
from typing import Any

from .tables import all_rows


@functools.lru_cache(maxsize=None)
def stands_alone(model: Any) -> bool:
    """Tell whether no other table can be touched when a row of the model is deleted."""
    from django.db import models

    meta = model._meta
    if meta.parents or any(hasattr(field, "bulk_related_objects") for field in meta.private_fields):
        return False
    return not any(
        field.auto_created
        and not field.concrete
        and (field.one_to_one or field.one_to_many)
        and field.on_delete is not models.DO_NOTHING
        and not field.related_model._meta.auto_created
        for field in meta.get_fields(include_hidden=True)
    )


def blocked(model: Any, keys: list[Any], *, using: str) -> dict[Any, str]:
    """Give the keys of the rows that cannot be deleted alone, each with the reason."""
    rows = list(all_rows(model, using=using).filter(pk__in=keys))
    if not _reason(model, rows, using=using):
        return {}
    reasons = {row.pk: _reason(model, [row], using=using) for row in rows}
    return {key: reason for key, reason in reasons.items() if reason}


def _reason(model: Any, rows: list[Any], *, using: str) -> str:
    from django.db.models import ProtectedError, RestrictedError
    from django.db.models.deletion import Collector

    collector = Collector(using=using)
    try:
        collector.collect(rows)
    except (ProtectedError, RestrictedError):
        return "other rows forbid its deletion"
    others = [part for part in collector.data if part._meta.concrete_model is not model._meta.concrete_model]
    count = sum(len(instances) for part, instances in collector.data.items() if part not in others)
    linked = [
        part.model for part in collector.fast_deletes if not part.model._meta.auto_created and part.exists()
    ]
    if others or linked or count > len(rows):
        names = sorted({part._meta.label for part in [*others, *linked]}) or [model._meta.label]
        return f"its deletion would delete rows of {', '.join(names)}"
    return ""
