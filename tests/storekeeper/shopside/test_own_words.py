"""What settings and defaults say about files, and which folders packages fill by their settings."""

import json
import os
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

from storekeeper.shopside.image_caches import PACKAGES
from storekeeper.shopside.own_words import _constants, _texts_in


def caches(package: str, **settings: Any) -> set[tuple[str, str]]:
    return {(kind, value) for kind, value in PACKAGES[package](SimpleNamespace(**settings)) if value}


def test_caches_by_the_settings_of_packages() -> None:
    """Their defaults, and what a shop has set instead."""
    assert {("folder", "cache")} == caches("sorl.thumbnail")
    assert {("folder", "t")} == caches("sorl.thumbnail", THUMBNAIL_PREFIX="t/small_")
    assert {("folder", "CACHE/images")} == caches("imagekit")
    assert {("folder", "derived")} == caches("imagekit", IMAGEKIT_CACHEFILE_DIR="derived")
    assert set() == caches("easy_thumbnails")
    assert {("name", "thumbs"), ("folder", "all")} == caches(
        "easy_thumbnails", THUMBNAIL_SUBDIR="thumbs", THUMBNAIL_BASEDIR="all"
    )
    assert ("name", "__sized__") in caches("versatileimagefield")
    changed = {"sized_directory_name": "sizes"}
    assert ("name", "sizes") in caches("versatileimagefield", VERSATILEIMAGEFIELD_SETTINGS=changed)
    own = {"public": {"thumbnails": {"THUMBNAIL_OPTIONS": {"base_dir": "small"}}}}
    assert ("name", "small") in caches("filer", FILER_STORAGES=own)


def test_texts_of_settings_hold_no_secret() -> None:
    """Texts at any depth, but none below a key that may be a secret's."""
    value = {"A": ["x.png", {"PASSWORD": "p.png", "deep": ("y.png",)}]}
    assert {"A", "x.png", "deep", "y.png"} == set(_texts_in(value, 6))


def test_constants_of_functions() -> None:
    """A default that a function makes names its files in the function's code."""

    def default() -> str:
        return ("a.png", (lambda: "b.png")())[0]

    assert {"a.png", "b.png"} <= set(_constants(default.__code__, 6))


def test_shop_describes_them(make_shop: Callable[..., Any]) -> None:
    """The description of a shop holds its caches, its code and what its settings name; no secret."""
    shop = make_shop("sqlite", orders=None, copied=True)
    settings = shop.project / "madamda" / "settings.py"
    settings.write_text(
        settings.read_text()
        + '\nLOGO = {"shop": "logos/ours.png"}\nAPI_TOKEN = "secret.token"\n'
        + "STATICFILES_DIRS = [BASE_DIR / 'assets']\n"
    )
    told = shop.evaluate(
        "import sys\n"
        f"sys.path.insert(0, {os.getcwd()!r})\n"
        "from storekeeper.shopside.own_words import code_folders, own_texts\n"
        "result = [own_texts(), code_folders()]"
    )
    texts, code = json.loads(json.dumps(told))
    assert "logos/ours.png" in texts
    assert not [text for text in texts if "secret" in text]
    assert {str(shop.project / "app"), str(shop.project / "assets")} <= set(code)
