"""What the shop itself says about files: its settings, the defaults of its fields, where its code lies."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

# A default may be chosen by chance among several files.
CALLS = 16
MOST_TEXTS = 20_000
LONGEST = 500
DEPTH = 6
_SECRET = re.compile(r"SECRET|PASSW|TOKEN|KEY|CREDENTIAL|DATABASES|DSN|AUTH", re.IGNORECASE)
_FILE = re.compile(r"[^/\\\s]\.[A-Za-z0-9]{1,8}(?:[?#\"'\s]|$)")


def own_texts() -> list[str]:
    """Give the texts of settings and of defaults that may name a file; none that may be a secret."""
    found: dict[str, None] = {}
    for text in _all_texts():
        if len(text) <= LONGEST and _FILE.search(text):
            found[text] = None
            if len(found) >= MOST_TEXTS:
                break
    return list(found)


def code_folders() -> list[str]:
    """Give the folders of the shop's own applications, templates and static sources."""
    from django.apps import apps
    from django.conf import settings

    folders = [
        config.path
        for config in apps.get_app_configs()
        if config.name != "storekeeper" and _is_own(config.path)
    ]
    for engine in settings.TEMPLATES:
        folders += [os.fspath(folder) for folder in engine.get("DIRS") or ()]
    folders += [
        os.fspath(entry[1] if isinstance(entry, (tuple, list)) else entry)
        for entry in settings.STATICFILES_DIRS
    ]
    for name in (os.environ.get("DJANGO_SETTINGS_MODULE"), getattr(settings, "ROOT_URLCONF", None)):
        module = sys.modules.get(name or "")
        path = getattr(module, "__file__", None)
        if path and _is_own(path):
            folders.append(os.path.dirname(path))  # noqa: PTH120
    return list(dict.fromkeys(os.path.abspath(folder) for folder in folders))  # noqa: PTH100


def _is_own(path: str) -> bool:
    """Tell whether code is the shop's, not an installed package's; those name no file of this shop."""
    parts = Path(os.path.abspath(path)).parts  # noqa: PTH100
    return "site-packages" not in parts and "dist-packages" not in parts


def _all_texts() -> Iterator[str]:
    from django.conf import settings

    for name in dir(settings):
        if name.isupper() and not _SECRET.search(name):
            yield from _texts_in(getattr(settings, name, None), DEPTH)
    yield from _defaults()


def _texts_in(value: Any, depth: int) -> Iterator[str]:
    if isinstance(value, (str, os.PathLike)):
        yield str(value)
    elif depth and isinstance(value, dict):
        for key, item in value.items():
            if not (isinstance(key, str) and _SECRET.search(key)):
                yield from _texts_in(key, depth - 1)
                yield from _texts_in(item, depth - 1)
    elif depth and isinstance(value, (list, tuple, set, frozenset)):
        for item in value:
            yield from _texts_in(item, depth - 1)


def _defaults() -> Iterator[str]:
    from django.apps import apps
    from django.db import models

    for model in apps.get_models(include_auto_created=True):
        for field in model._meta.local_fields:
            default = field.default
            if callable(default):
                yield from _constants(getattr(default, "__code__", None), DEPTH)
                if isinstance(field, (models.FileField, models.FilePathField)):
                    for _ in range(CALLS):
                        yield from _texts_in(default(), DEPTH)
            elif field.has_default():
                yield from _texts_in(default, DEPTH)


def _constants(code: Any, depth: int) -> Iterator[str]:
    """Give the texts that a function's code holds."""
    for value in getattr(code, "co_consts", ()):
        if hasattr(value, "co_consts"):
            if depth:
                yield from _constants(value, depth - 1)
        else:
            yield from _texts_in(value, depth)
