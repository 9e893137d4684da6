"""The exporter counts as orphans what the cleanup would move, no file more and none less."""

import datetime as dt
import os
from collections.abc import Callable
from typing import Any, Literal

import pytest

from actions.cleanup_orphaned_media import CleanupOrphanedMedia
from exporter.file_counts import FileCount
from exporter.measuring import Measuring
from storekeeper.shop import Shop

# Each is named once, in the habit that stands beside it in ROWS.
NAMED = (
    "products/plain.jpg",
    "products/url name.jpg",
    "editor/ក្នុងអត្ថបទ.jpg",
    "editor/a b&c.png",
    "editor/no_extension",
    "json/ខ្មែរ.png",
    "json/deep/list.webp",
    "end.jpg",
)
ROWS = """
from app.models import *
products = list(Product.objects.order_by("pk")[:4])
for product, image in zip(products, ["products/plain.jpg", "https://cdn.example/m/products/url%20name.jpg?v=2",
                                     "/media/elsewhere/end.jpg"]):
    Product.objects.filter(pk=product.pk).update(image=image)
note = Note.objects.first()
Note.objects.filter(pk=note.pk).update(
    text='<p><img src="/media/editor/ក្នុងអត្ថបទ.jpg"> <a href="https://shop.example/media/editor/a%20b&amp;c.png">'
    '</a>(media/editor/no_extension)</p>')
Product.objects.filter(pk=products[3].pk).update(
    attributes={"hero": "/media/json/ខ្មែរ.png", "more": [{"src": "json/deep/list.webp"}]})
result = 0
"""
ORPHANS = {
    "products/nobody.jpg": 10,
    "editor/ចោល.jpg": 200,
    "json/ផ្សេង.pnj": 3000,
    "logs_of_mine/x.txt": 40_000,
}


@pytest.mark.parametrize("database", ["sqlite", "postgresql"])
def test_exporter_and_cleanup_agree(
    make_keeper: Callable[..., Any], database: Literal["sqlite", "postgresql"]
) -> None:
    """Plain names, URLs, rich text and JSON keep a file on both sides; what is left is the same on both."""
    keeper = make_keeper(database, orders=12, more="references: [app.Note.text, app.Product.attributes]")
    keeper.now = lambda: dt.datetime.now(tz=dt.UTC) + dt.timedelta(days=2)
    keeper.shop.evaluate(ROWS)
    for name in NAMED:
        keeper.write(name, days=3)
    for name, size in ORPHANS.items():
        keeper.write(name, b"x" * size, days=3)
    # Not uploads: what an earlier cleanup set aside.
    keeper.write(".storekeeper-trash/left.jpg", days=3)
    # Nor what lies where no upload_to leads, and made of a live file.
    keeper.write("invoices/theirs.pdf", days=3)
    keeper.write("products/plain.jpg.100x100.jpg", days=3)
    # Nor are the folders of other things inside the area.
    config = keeper.config
    media = config.areas["media"].model_copy(update={"uploads": ("editor", "json", "logs_of_mine")})
    feeds = config.areas["media"].model_copy(update={"path": keeper.media / "feeds"})
    keeper.config = config.model_copy(
        update={
            "areas": {**config.areas, "media": media, "feeds": feeds},
            "backups": config.backups.model_copy(update={"path": keeper.media / "បម្រុង"}),
        }
    )
    keeper.write("feeds/goods.xml", days=3)
    keeper.write("បម្រុង/db_backup_20260101_000000.json.gz", days=3)
    plan = keeper.plan(CleanupOrphanedMedia())
    moves = {file.name: file.size_bytes for file in plan.moves}
    # The images that the changed rows named before have no row any more.
    assert set(ORPHANS) == {name for name in moves if not name.startswith("products/")} | {
        "products/nobody.jpg"
    }
    assert not set(NAMED) & set(moves)
    measuring = Measuring(keeper.config, describe=Shop.of(keeper.config).describe)
    measuring.run_once()
    found = measuring.sources.files.latest
    assert "" == found.problem
    assert found.value is not None
    expected = FileCount(files=len(moves), size_bytes=sum(moves.values()))
    # The inner area lies in the folder of a storage, but no upload_to leads there: nothing in it is judged.
    assert () == keeper.plan(CleanupOrphanedMedia(), area="feeds").moves
    assert {"media": expected, "feeds": FileCount()} == dict(found.value.orphans)
    assert os.path.exists(keeper.media / "products/nobody.jpg")
