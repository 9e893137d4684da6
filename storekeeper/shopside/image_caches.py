"""The folders that installed packages fill with images of their own making, by the packages' settings."""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import Any, Callable


def image_caches() -> Iterator[dict[str, str]]:
    """
    Give ``{"package", "folder"}`` for a folder, ``{"package", "name"}`` for one of that name anywhere.

    Whether or not it exists. A folder that is the root of the media is not given: it is never judged.
    """
    from django.apps import apps
    from django.conf import settings

    root = os.path.abspath(os.fspath(settings.MEDIA_ROOT)) if settings.MEDIA_ROOT else ""  # noqa: PTH100
    for label, answer in PACKAGES.items():
        if not any(
            config.name == label or config.name.startswith(label + ".") for config in apps.get_app_configs()
        ):
            continue
        for kind, value in answer(settings):
            value = os.fspath(value).strip("/") if kind == "name" else os.fspath(value)
            if not value:
                continue
            if kind == "name":
                yield {"package": label, "name": value}
                continue
            folder = os.path.normpath(os.path.join(root, value))  # noqa: PTH118
            if root and folder != root:
                yield {"package": label, "folder": folder}


def _setting(settings: Any, name: str, default: Any) -> Any:
    value = getattr(settings, name, None)
    return default if value is None else value


def _easy_thumbnails(settings: Any) -> Iterator[tuple[str, Any]]:
    yield "folder", _setting(settings, "THUMBNAIL_BASEDIR", "")
    yield "name", _setting(settings, "THUMBNAIL_SUBDIR", "")
    yield "folder", _setting(settings, "THUMBNAIL_MEDIA_ROOT", "")
    modern = _setting(settings, "EASY_THUMBNAILS", {})
    if isinstance(modern, dict):
        for name, kind in (("THUMBNAIL_BASEDIR", "folder"), ("THUMBNAIL_SUBDIR", "name")):
            yield kind, modern.get(name) or ""


def _sorl(settings: Any) -> Iterator[tuple[str, Any]]:
    # A prefix: what stands after its last slash begins the names in that folder.
    yield "folder", os.path.dirname(_setting(settings, "THUMBNAIL_PREFIX", "cache/"))  # noqa: PTH120


def _imagekit(settings: Any) -> Iterator[tuple[str, Any]]:
    yield "folder", _setting(settings, "IMAGEKIT_CACHEFILE_DIR", "CACHE/images")


def _versatile(settings: Any) -> Iterator[tuple[str, Any]]:
    chosen = _setting(settings, "VERSATILEIMAGEFIELD_SETTINGS", {})
    for key, default in (
        ("sized_directory_name", "__sized__"),
        ("filtered_directory_name", "__filtered__"),
        ("placeholder_directory_name", "__placeholder__"),
    ):
        yield "name", chosen.get(key) or default


def _filer(settings: Any) -> Iterator[tuple[str, Any]]:
    yield "name", "filer_public_thumbnails"
    yield "name", "filer_private_thumbnails"
    for storage in _setting(settings, "FILER_STORAGES", {}).values():
        thumbnails = storage.get("thumbnails") or {} if isinstance(storage, dict) else {}
        yield "name", (thumbnails.get("THUMBNAIL_OPTIONS") or {}).get("base_dir") or ""


def _filebrowser(settings: Any) -> Iterator[tuple[str, Any]]:
    yield "name", _setting(settings, "FILEBROWSER_VERSIONS_BASEDIR", "_versions")
    yield "name", ".thumbnails"


def _mezzanine(settings: Any) -> Iterator[tuple[str, Any]]:
    yield "name", _setting(settings, "THUMBNAILS_DIR_NAME", ".thumbnails")


def _thumbnails(settings: Any) -> Iterator[tuple[str, Any]]:
    chosen = _setting(settings, "THUMBNAILS", {})
    yield "folder", chosen.get("BASE_DIR", "thumbs") if isinstance(chosen, dict) else ""


def _photologue(settings: Any) -> Iterator[tuple[str, Any]]:
    yield "name", "cache"


def _compressor(settings: Any) -> Iterator[tuple[str, Any]]:
    yield "name", _setting(settings, "COMPRESS_OUTPUT_DIR", "CACHE")


PACKAGES: dict[str, Callable[[Any], Iterator[tuple[str, Any]]]] = {
    "easy_thumbnails": _easy_thumbnails,
    "sorl.thumbnail": _sorl,
    "imagekit": _imagekit,
    "versatileimagefield": _versatile,
    "filer": _filer,
    "filebrowser": _filebrowser,
    "filebrowser_safe": _filebrowser,
    "mezzanine": _mezzanine,
    "thumbnails": _thumbnails,
    "photologue": _photologue,
    "compressor": _compressor,
}
