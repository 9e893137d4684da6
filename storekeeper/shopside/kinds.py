"""Which kind of value a field holds, where the field behaves as Django's own."""

from __future__ import annotations

import inspect
from typing import Any

from django.db import models

# The first class that a field is an instance of gives its kind.
KINDS: tuple[tuple[str, str], ...] = (
    ("FileField", "file"),
    ("CharField", "text"),
    ("TextField", "text"),
    ("FilePathField", "text"),
    ("GenericIPAddressField", "address"),
    ("BooleanField", "boolean"),
    ("IntegerField", "integer"),
    ("FloatField", "float"),
    ("DecimalField", "decimal"),
    ("DateTimeField", "datetime"),
    ("DateField", "date"),
    ("TimeField", "time"),
    ("DurationField", "duration"),
    ("UUIDField", "uuid"),
    ("BinaryField", "binary"),
    ("JSONField", "json"),
)
# A foreign key's value goes through str() where the target's own field would not.
_FOREIGN_KINDS = frozenset({"text", "integer", "float", "decimal", "date", "time", "datetime", "uuid"})
# What makes of a stored value what an object holds, and the other way round.
_WAYS = (
    "from_db_value",
    "get_db_converters",
    "to_python",
    "get_prep_value",
    "get_db_prep_value",
    "get_db_prep_save",
)


def kind_of(field: Any) -> str | None:
    """Return the kind of a field that behaves as Django's own, None for any other."""
    if type(field).value_from_object is not models.Field.value_from_object:
        return None
    attribute = inspect.getattr_static(field.model, field.attname, None)
    if not type(attribute).__module__.startswith("django.db.models."):
        return None
    if not all(_is_djangos(field, way) for way in _WAYS):
        return None
    if isinstance(field, models.ForeignKey):
        if type(field).value_to_string is not models.Field.value_to_string:
            return None
        target = target_of(field)
        kind = kind_of(target)
        return kind if kind in _FOREIGN_KINDS else None
    for name, kind in KINDS:
        known = getattr(models, name, None)
        if known is not None and isinstance(field, known):
            return kind if type(field).value_to_string is known.value_to_string else None
    return None


def target_of(field: Any) -> Any:
    """Follow a foreign key, and one that it refers to, to the field that holds the value."""
    while isinstance(field, models.ForeignKey):
        field = field.target_field
    return field


def _is_djangos(field: Any, method: str) -> bool:
    """Return whether a field does this as Django itself does it."""
    for one in type(field).__mro__:
        if method in vars(one):
            return one.__module__.startswith("django.")
    return True
