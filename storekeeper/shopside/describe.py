"""What the project says about itself: databases, folders, logs and models."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from typing import Any

from .image_caches import image_caches
from .own_words import code_folders, own_texts
from .storages import folder_of
from .storages_in_use import used_storages


def describe() -> Iterator[dict[str, Any]]:
    """Give one answer in the shape of storekeeper.shop.description.ShopDescription."""
    import django
    from django.conf import settings

    yield {
        "django_version": django.get_version(),
        "python_version": "{}.{}.{}".format(*sys.version_info[:3]),
        "settings_module": os.environ["DJANGO_SETTINGS_MODULE"],
        "time_zone": settings.TIME_ZONE,
        "use_tz": settings.USE_TZ,
        "base_dir": _folder(getattr(settings, "BASE_DIR", None)),
        "media_root": _folder(settings.MEDIA_ROOT),
        "media_url": str(settings.MEDIA_URL),
        "static_root": _folder(settings.STATIC_ROOT),
        # An entry may be a (prefix, folder) pair.
        "static_dirs": [
            _folder(entry[1] if isinstance(entry, (tuple, list)) else entry)
            for entry in settings.STATICFILES_DIRS
        ],
        "log_files": list(_log_files(settings.LOGGING)),
        "databases": _databases(),
        "models": list(_models()),
        "caches": list(image_caches()),
        "code": code_folders(),
        "texts": own_texts(),
        "storages": used_storages(),
    }


def _folder(value: Any) -> str | None:
    """Give an absolute path; Django counts a relative one from where the server is started."""
    return os.path.abspath(os.fspath(value)) if value else None  # noqa: PTH100


def _log_files(logging: Any) -> Iterator[dict[str, str]]:
    handlers = (logging or {}).get("handlers") or {}
    for handler in handlers.values():
        path = handler.get("filename") if isinstance(handler, dict) else None
        if path:
            name = handler.get("class") or handler.get("()") or ""
            if not isinstance(name, str):
                name = f"{name.__module__}.{name.__qualname__}"
            yield {"path": os.path.abspath(os.fspath(path)), "handler": name}  # noqa: PTH100


def _databases() -> dict[str, dict[str, Any]]:
    """Give DATABASES as Django completes it, with what JSON can carry."""
    from django.db import connections

    databases = {}
    for alias in connections:
        settings = _settings_of(connections, alias)
        options = settings.get("OPTIONS") or {}
        databases[alias] = {
            "ENGINE": settings["ENGINE"],
            **{key: str(settings.get(key) or "") for key in ("NAME", "USER", "PASSWORD", "HOST", "PORT")},
            "OPTIONS": {
                str(key): value for key, value in options.items() if isinstance(value, (str, int, float))
            },
        }
    return databases


def _settings_of(connections: Any, alias: str) -> dict[str, Any]:
    from django.core.exceptions import ImproperlyConfigured

    try:
        settings: dict[str, Any] = connections[alias].settings_dict
    except ImproperlyConfigured:
        # Its driver is missing; what kind of database it is stands in the settings all the same.
        settings = dict(connections.databases[alias])
    return settings


def _models() -> Iterator[dict[str, Any]]:
    from django.apps import apps
    from django.db import connections, models, router

    for model in apps.get_models(include_auto_created=True):
        meta = model._meta
        if meta.proxy or meta.swapped:
            continue
        yield {
            "label": meta.label,
            "table": meta.db_table,
            "database": router.db_for_read(model),
            "other_databases": [
                alias
                for alias in connections
                if alias != router.db_for_read(model) and router.allow_migrate_model(alias, model)
            ],
            "migrated_in": [alias for alias in connections if router.allow_migrate_model(alias, model)],
            "managed": meta.managed,
            "primary_key": meta.pk.name,
            # Django 5.2 has keys of several columns, which is none of its own.
            "primary_key_column": meta.pk.column or ", ".join(field.column for field in meta.pk.fields),
            "file_fields": [
                _file_field(field) for field in meta.local_fields if isinstance(field, models.FileField)
            ],
            "timestamps": {
                field.name: field.column
                for field in meta.local_fields
                if isinstance(field, models.DateTimeField)
            },
            "kinds": {field.name: _kind(field) for field in meta.concrete_fields},
            "columns": {
                # A field that a parent with a table of its own has stands in that table.
                field.name: [field.model._meta.db_table, field.column]
                for field in meta.concrete_fields
            },
            "path_fields": [
                field.name for field in meta.local_fields if isinstance(field, models.FilePathField)
            ],
        }


def _file_field(field: Any) -> dict[str, Any]:
    return {
        "name": field.name,
        "column": field.column,
        "upload_to": "" if callable(field.upload_to) else os.fspath(field.upload_to),
        "made_by_function": callable(field.upload_to) or _names_itself(field),
        "storage_location": folder_of(field),
    }


def _names_itself(field: Any) -> bool:
    """Tell whether a field's class makes names in its own way: its ``upload_to`` may then mean nothing."""
    from django.db import models

    return type(field).generate_filename is not models.FileField.generate_filename


def _kind(field: Any) -> str:
    """Give what a field is: Django's own name for a date or a moment, else the name of its class."""
    from django.db import models

    for kind in (models.DateTimeField, models.DateField):
        if isinstance(field, kind):
            return str(kind.__name__)
    return str(type(field).__name__)
