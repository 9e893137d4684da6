"""Which folders of an area hold uploads, told from a shop's description and a config alone."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from storekeeper.config import Config, parse_config
from storekeeper.shop import ShopDescription
from storekeeper.shop.uploads import Uploads, uploads_of

Make = Callable[..., Uploads]


@pytest.fixture
def uploads(tmp_path: Path) -> Make:
    """``uploads(*storages, area=..., **description)``: those of the area ``media`` of a shop."""

    def make(*storages: str, area: str = "media", listed: str = "[]", **described: Any) -> Uploads:
        shop = tmp_path / "shop"
        shop.mkdir(exist_ok=True)
        config: Config = parse_config(
            f"shop: a\nproject: {shop}\nstate: {tmp_path}/state\n"
            f"areas: {{media: {{path: {area}, uploads: {listed}}}}}\n",
            name="storekeeper.yml",
            folder=tmp_path,
        )
        fields = [
            {
                "name": f"f{number}",
                "column": f"f{number}",
                "upload_to": "",
                "storage_location": shop / storage,
            }
            for number, storage in enumerate(storages)
        ]
        model = {
            "label": "app.Product",
            "table": "product",
            "database": "default",
            "managed": True,
            "primary_key": "id",
            "primary_key_column": "id",
            "file_fields": fields,
            "columns": {},
        }
        description = ShopDescription.model_validate(
            {
                "django_version": "5.2",
                "python_version": "3.12",
                "settings_module": "settings",
                "time_zone": "UTC",
                "use_tz": True,
                "base_dir": None,
                "media_root": None,
                "media_url": "/media/",
                "static_root": None,
                "static_dirs": [],
                "log_files": [],
                "databases": {},
                "models": [model],
                **described,
            }
        )
        return uploads_of(config.areas["media"].path, area="media", config=config, description=description)

    return make


def test_shapes_of_fields(uploads: Make) -> None:
    """A storage below the area, above it, beside it; a field whose names code makes has no parts."""
    assert [("", ()), ("a", ())] == sorted(
        (one.storage, one.above) for one in uploads("media", "media/a").shapes
    )
    (above,) = uploads("media", area="media/products").shapes
    assert ("", ("products",)) == (above.storage, above.above)
    none = uploads("media2", "medi")
    assert (True, "") == (none.empty, none.refusal)
    assert {"", "a"} == uploads("media", "media/a", "elsewhere").roots


def test_folders_that_the_config_lists(uploads: Make) -> None:
    """They are known without any field."""
    found = uploads(listed="[inbox, a/b]")
    assert (("a/b", "inbox"), False) == (found.listed, found.empty)


def test_folders_of_other_things(uploads: Make, tmp_path: Path) -> None:
    """Static files, logs and caches inside are others', also behind a link; those outside are not told."""
    shop = tmp_path / "shop"
    found = uploads(
        "media",
        log_files=[{"path": shop / "media/logs/shop.log", "handler": "logging.FileHandler"}],
        static_root=shop / "media/static",
        static_dirs=[shop / "assets", shop / "media/ចម្លង"],
        caches=[
            {"package": "imagekit", "folder": shop / "media/CACHE/images"},
            {"package": "easy_thumbnails", "name": "thumbs"},
        ],
    )
    assert {
        "logs": "logs",
        "static": "static files",
        "ចម្លង": "static files",
        "CACHE/images": "cache of imagekit",
    } == found.others
    assert ({"thumbs": "cache of easy_thumbnails"}, "") == (found.cache_names, found.refusal)
    (shop / "media" / "real").mkdir(parents=True)
    (shop / "linked").symlink_to(shop / "media" / "real")
    assert {"real": "static files"} == uploads("media", static_root=shop / "linked").others


@pytest.mark.parametrize(
    ("area", "described", "expected"),
    [
        ("media", {"base_dir": "media/code"}, "holds the shop's project"),
        (
            "media",
            {"databases": {"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": "media/db.sqlite3"}}},
            "holds the shop's database",
        ),
        ("media", {"static_root": "media"}, "is also the folder of static files"),
    ],
)
def test_refusal(uploads: Make, tmp_path: Path, area: str, described: dict[str, Any], expected: str) -> None:
    """An area that holds the shop itself, or is something else as well, is not judged."""
    absolute = {
        key: tmp_path / "shop" / value if isinstance(value, str) else value
        for key, value in described.items()
    }
    assert expected in uploads(area, area=area, **absolute).refusal
