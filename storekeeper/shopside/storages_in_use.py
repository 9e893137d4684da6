"""Which storages the shop's uploads go to: the default one, those that the settings name, those of fields."""

from __future__ import annotations

import os
from typing import Any

# Collected from the code again at every deployment; nothing is uploaded to it.
_STATIC = "staticfiles"


def used_storages() -> list[dict[str, Any]]:
    """Give each storage once, with the file fields that use it; one that cannot be made has no location."""
    found: list[dict[str, Any]] = []
    objects: list[Any] = []
    for name, backend in _named().items():
        try:
            storage = _storage(name)
            # A lazy one is made by this.
            _ = storage.__class__
        except Exception:  # noqa: BLE001 - whatever is wrong with it, its files are in no known folder
            storage = None
        found.append(_told(name, storage, backend=backend))
        objects.append(storage)
    for label, storage in _of_fields():
        for known, one in zip(objects, found):
            if known is not None and _is_same(known, storage):
                one["fields"].append(label)
                break
        else:
            told = _told("", storage, backend="")
            told["fields"].append(label)
            found.append(told)
            objects.append(storage)
    return found


def _named() -> dict[str, str]:
    """Give alias → class of the storages in the settings; before Django 4.2 that is the default one."""
    from django.conf import settings

    storages = getattr(settings, "STORAGES", None)
    if isinstance(storages, dict) and "default" in storages and not _old_setting(settings):
        return {str(name): str(one.get("BACKEND") or "") for name, one in storages.items() if name != _STATIC}
    return {"default": str(getattr(settings, "DEFAULT_FILE_STORAGE", ""))}


def _old_setting(settings: Any) -> bool:
    """Tell whether the shop sets DEFAULT_FILE_STORAGE, which Django up to 5.0 puts before its STORAGES."""
    import django

    return bool(django.VERSION < (5, 1) and settings.is_overridden("DEFAULT_FILE_STORAGE"))


def _storage(name: str) -> Any:
    if name == "default":
        from django.core.files.storage import default_storage

        return default_storage
    from django.core.files.storage import storages

    return storages[name]


def _of_fields() -> list[tuple[str, Any]]:
    from django.apps import apps
    from django.db import models

    return [
        (f"{model._meta.label}.{field.name}", field.storage)
        for model in apps.get_models(include_auto_created=True)
        if not (model._meta.proxy or model._meta.swapped)
        for field in model._meta.local_fields
        if isinstance(field, models.FileField)
    ]


def _told(name: str, storage: Any, *, backend: str) -> dict[str, Any]:
    kind = None if storage is None else _class_of(storage)
    return {
        "name": name,
        "backend": f"{kind.__module__}.{kind.__qualname__}" if kind is not None else backend,
        "location": _location(storage),
        "fields": [],
    }


def _class_of(storage: Any) -> Any:
    try:
        return storage.__class__
    except Exception:  # noqa: BLE001 - a lazy storage that cannot be made
        return type(storage)


def _location(storage: Any) -> str | None:
    try:
        folder: str = os.path.abspath(storage.path(""))  # noqa: PTH100 - a link keeps its name
    except Exception:  # noqa: BLE001 - no path, or no storage at all: no folder that could be measured
        return None
    return folder


def _is_same(one: Any, other: Any) -> bool:
    """Tell whether two storages put files in the same place, also when each field made one of its own."""
    if _unwrapped(one) is _unwrapped(other):
        return True
    if _class_of(one) is not _class_of(other):
        return False
    location = _location(one)
    if location is not None:
        return location == _location(other)
    try:
        return bool(_unwrapped(one) == _unwrapped(other))
    except Exception:  # noqa: BLE001 - storages that cannot be compared are two
        return False


def _unwrapped(storage: Any) -> Any:
    """Give the storage behind a lazy one."""
    return getattr(storage, "_wrapped", storage)
