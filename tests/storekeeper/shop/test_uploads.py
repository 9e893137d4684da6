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
    """``uploads(storages=[...], area=..., **description)``: those of the area ``media`` of a shop."""

    def make(*storages: str, area: str = "media", **described: Any) -> Uploads:
        shop = tmp_path / "shop"
        shop.mkdir(exist_ok=True)
        config: Config = parse_config(
            f"shop: a\nproject: {shop}\nstate: {tmp_path}/state\nareas: {{media: {{path: {area}}}}}\n",
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


def test_folders_that_fields_write_to(uploads: Make) -> None:
    """The outermost folders count; an area inside a storage counts whole, one beside it not at all."""
    assert ("",) == uploads("media").folders
    assert ("a", "ខ") == uploads("media/a", "media/ខ", "media/a/inner", "elsewhere").folders
    assert ("",) == uploads("media", "media/a").folders
    assert ("",) == uploads("media", area="media/products").folders
    assert ((), frozenset(), "") == (
        (none := uploads("media2", "medi")).folders, none.foreign, none.refusal
    )  # fmt: skip


def test_folders_of_other_things(uploads: Make, tmp_path: Path) -> None:
    """Static files and logs inside are foreign, also behind a link; those outside are not told."""
    shop = tmp_path / "shop"
    found = uploads(
        "media",
        log_files=[{"path": shop / "media/logs/shop.log", "handler": "logging.FileHandler"}],
        static_root=shop / "media/static",
        static_dirs=[shop / "assets", shop / "media/ចម្លង"],
    )
    assert {"logs", "static", "ចម្លង"} == found.foreign
    assert "" == found.refusal
    (shop / "media" / "real").mkdir(parents=True)
    (shop / "linked").symlink_to(shop / "media" / "real")
    assert {"real"} == uploads("media", static_root=shop / "linked").foreign
    # Only what lies in a folder of uploads needs to be passed over.
    assert set() == uploads("media/a", static_root=shop / "media/static").foreign


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
