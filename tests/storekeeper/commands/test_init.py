"""The first config of a real shop, as far as its rows and folders decide it."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from storekeeper.commands.init import write_config
from storekeeper.config import Config, load_config


def written(shop: Any, folder: Path) -> Config:
    """Write the config of a shop and read it."""
    output = folder / "storekeeper.yml"
    write_config(project=shop.project, python=Path(shop.python), settings=None, output=output)
    return load_config(output)


def test_texts_that_name_files_are_found(make_shop: Callable[..., Any], tmp_path: Path) -> None:
    """Rich text, an address in a character field and a JSON value; the names of other files say nothing."""
    shop = make_shop(orders=3, copied=True)
    (shop.data / "media" / "texts").mkdir(parents=True)
    (shop.data / "media" / "texts" / "រូប ១.png").write_bytes(b"image")
    shop.evaluate(
        "from app.models import Category, Product\n"
        "Product.objects.update(description='no file', attributes={}, maker_url='https://shop.example/none.png')\n"
        "Category.objects.update(name='texts')\n"
        "one = Product.objects.first()\n"
        "one.description = '<p><img src=\"/media/texts/%E1%9E%9A%E1%9E%BC%E1%9E%94%20%E1%9F%A1.png\"></p>'\n"
        "one.attributes = {'gallery': ['texts/រូប ១.png']}\n"
        "one.save()\nresult = 1"
    )
    assert set(written(shop, tmp_path).references) >= {"app.Product.description", "app.Product.attributes"}
    assert "app.Product.maker_url" not in written(shop, tmp_path / "again").references


def test_generated_images_are_no_orphans(make_shop: Callable[..., Any], tmp_path: Path) -> None:
    """A folder of thumbnails that a library has made is left to the library."""
    shop = make_shop(orders=3, copied=True)
    (shop.data / "media" / "CACHE" / "images").mkdir(parents=True)
    assert written(shop, tmp_path).areas["media"].ignore == ("CACHE/**/*",)
