"""Files that the shop's own code, templates and settings name."""

from pathlib import Path

import pytest

from storekeeper.config import Config, parse_config
from storekeeper.measure.own_code import names_in_code
from storekeeper.shop import ShopDescription


@pytest.fixture
def config(tmp_path: Path) -> Config:
    """A shop in a folder with code, whose media lie in the folder of the code."""
    return parse_config(
        f"shop: a\nproject: {tmp_path}\nstate: {tmp_path}/state\nareas: {{media: {{path: code/media}}}}\n",
        name="storekeeper.yml",
        folder=tmp_path,
    )


def described(*code: Path, texts: tuple[str, ...] = ()) -> ShopDescription:
    return ShopDescription.model_validate(
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
            "models": [],
            "code": code,
            "texts": texts,
        }
    )


def test_code_templates_and_settings_keep(config: Config, tmp_path: Path) -> None:
    """Whole names anywhere in them, in each spelling; data, packages and the media do not count."""
    code = tmp_path / "code"
    for name, text in {
        "views.py": "DEFAULT = 'products/none.jpg'",
        "templates/page.html": "<img src='{{ MEDIA_URL }}products/a%20b.jpg'> banana.jpg",
        "media/list.txt": "products/lost.jpg",
        "venv/lib/x.py": "products/lost.jpg",
        ".git/x.py": "products/lost.jpg",
        "table.bin": "products/lost.jpg",
    }.items():
        (code / name).parent.mkdir(parents=True, exist_ok=True)
        (code / name).write_text(text)
    files = [f"products/{name}.jpg" for name in ("none", "a b", "a", "lost", "set")]
    shop = described(code, code / "templates", texts=("avatars/set.jpg",))
    assert {"products/none.jpg", "products/a b.jpg", "products/set.jpg"} == names_in_code(
        files, config=config, description=shop
    )
    assert set() == names_in_code([], config=config, description=shop)
