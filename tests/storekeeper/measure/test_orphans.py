"""Which files of an area are orphans, told from folders, rows' names and answers alone."""

from collections.abc import Collection
from typing import Any

import pytest

from storekeeper.measure.live_names import LiveNames
from storekeeper.measure.orphans import FoundOrphans, OrphanFinder
from storekeeper.shop.upload_shapes import UploadShape, upload_parts
from storekeeper.shop.uploads import Uploads


def shapes(*uploads: str | None) -> tuple[UploadShape, ...]:
    return tuple(UploadShape(storage="", parts=None if one is None else upload_parts(one)) for one in uploads)


def find(
    tree: dict[str, str],
    *,
    rows: Collection[str],
    uploads: Collection[str | None] = (),
    named: Collection[str] = (),
    code: Collection[str] = (),
    replaced: Collection[str] = (),
    **more: Any,
) -> FoundOrphans:
    """Look at a tree, path → text; ``named`` is what some text of the databases names."""
    folders: dict[str, list[str]] = {}
    for path in tree:
        folder, _, name = path.rpartition("/")
        folders.setdefault(folder, []).append(name)
    live = LiveNames()
    for row in rows:
        live.add(row)
    return OrphanFinder(
        uploads=Uploads(shapes=shapes(*uploads), roots=frozenset({""}), **more),
        live=live,
        named=lambda files: {file for file in files if file in named},
        in_code=lambda files: {file for file in files if file in code},
        read=tree.__getitem__,
        passed=lambda name: name.startswith("papers/ignored"),
        replaced=replaced,
    ).find(lambda: folders.items())


def files(*paths: str) -> dict[str, str]:
    return dict.fromkeys(paths, "x")


def test_orphans_lie_where_uploads_come_from() -> None:
    """In the folder of an upload_to, also of a date; nowhere beside, above or below it."""
    found = find(
        files(
            "papers/live.txt", "papers/lost.txt", "papers/2026/lost.txt", "papers/feeds/lost.xml", "lost.txt",
            "invoices/lost.pdf", "dated/2026/11/lost.txt", "dated/2026/lost.txt", "dated/2020/01/live.txt",
        ),
        rows=["papers/live.txt", "dated/2020/01/live.txt"],
        uploads=["papers", "dated/%Y/%m"],
    )  # fmt: skip
    assert {"papers/lost.txt": "papers", "dated/2026/11/lost.txt": "dated"} == found.orphans
    assert {"", "invoices", "papers/2026", "papers/feeds", "dated/2026"} == set(found.left_alone)


def test_root_is_never_judged() -> None:
    """Not with an empty upload_to, nor where rows name files there; a date in front needs rows."""
    tree = files("live.txt", "lost.txt", "2026/11/live.txt", "2026/11/lost.txt", "2026/10/lost.txt")
    found = find(tree, rows=["live.txt", "2026/11/live.txt"], uploads=["", "%Y/%m", None])
    assert {"2026/11/lost.txt": "%Y/%m"} == found.orphans


def test_folder_without_any_row_has_another_maker() -> None:
    """A constant folder counts only while some row names a file in it or below it."""
    tree = files("reports/a.pdf", "reports/b.pdf", "papers/live.txt")
    found = find(tree, rows=["papers/live.txt"], uploads=["reports", "papers"])
    assert {} == found.orphans
    assert "no row names a file there" == found.left_alone["reports"]


def test_folders_that_only_rows_speak_for() -> None:
    """Judged where rows name most files, or enough of them; a folder for each object is not."""
    tree = files(*(f"flat/{number}.jpg" for number in range(1000, 1005)), "flat/lost1.jpg", "flat/lost2.jpg")
    tree |= files("each/1/original.jpg", "each/1/large.jpg", "each/1/small.jpg", "two/x1.jpg", "two/y2.jpg")
    rows = [f"flat/{number}.jpg" for number in range(1000, 1005)] + ["each/1/original.jpg", "two/x1.jpg"]
    found = find(tree, rows=rows, uploads=[None])
    assert {"flat/lost1.jpg": "flat", "flat/lost2.jpg": "flat"} == found.orphans
    assert {"each/1", "two"} == set(found.left_alone)


def test_hidden_folders_caches_and_others() -> None:
    """Dots, caches by their settings, other areas; also inside what the config lists."""
    tree = files(
        "papers/live.txt", "papers/.lost", "papers/.trash/lost.txt", "papers/thumbs/lost.jpg",
        "papers/static/lost.css", "papers/tagged/CACHEDIR.TAG", "papers/tagged/lost.jpg",
        "papers/in/lost.txt", "papers/index.html", "papers/Thumbs.db", "papers/ignored.txt",
    )  # fmt: skip
    found = find(
        tree,
        rows=["papers/live.txt"],
        listed=("papers",),
        others={"papers/static": "static files"},
        cache_names={"thumbs": "cache of easy_thumbnails"},
    )
    assert {"papers/in/lost.txt": "papers"} == found.orphans


def test_names_in_databases_and_code_keep() -> None:
    """Whatever names a file, and what is made of one that only a text names, wherever that lies."""
    tree = files(
        "papers/live.txt", "papers/text.jpg", "papers/text_small.jpg", "papers/code.jpg", "papers/lost.jpg",
        "papers/banner-2x.jpg", "editor/banner.jpg", "editor/none.jpg", "papers/none-2x.jpg",
    )  # fmt: skip
    found = find(
        tree,
        rows=["papers/live.txt"],
        uploads=["papers"],
        named=["papers/text.jpg", "editor/banner.jpg"],
        code=["papers/code.jpg"],
    )
    assert {"papers/lost.jpg", "papers/none-2x.jpg"} == set(found.orphans)


def test_made_of_a_live_file_keeps() -> None:
    """Its variants beside it, and folders that are called as it is."""
    tree = files(
        "photos/cup.jpg", "photos/cup.thumbnail.jpg", "photos/tn_cup.jpg", "photos/cup/large.jpg",
        "photos/cup.jpg/small.jpg", "photos/plate.jpg", "photos/plate/large.jpg",
    )  # fmt: skip
    found = find(tree, rows=["photos/cup.jpg"], listed=("photos",))
    assert {"photos/plate.jpg", "photos/plate/large.jpg"} == set(found.orphans)


@pytest.mark.parametrize(
    ("playlist", "text", "expected"),
    [
        ("master.m3u8", "#EXTM3U\n#EXTINF:4,\nseg0.ts\n", set()),
        ("index.xml", "<a href='seg0.ts'/>", set()),
        ("master.m3u8", "#EXTM3U\n", {"videos/master.m3u8", "videos/seg0.ts", "videos/seg1.ts"}),
        ("notes.html", "<img src='seg0.ts'>", {"videos/notes.html", "videos/seg1.ts"}),
    ],
)
def test_playlists_and_pages(playlist: str, text: str, expected: set[str]) -> None:
    """A list of a folder's files makes it that of its maker; a page keeps what it shows."""
    tree = files("videos/clip.mp4", "videos/seg0.ts", "videos/seg1.ts") | {f"videos/{playlist}": text}
    found = find(tree, rows=["videos/clip.mp4"], uploads=["videos"])
    assert expected == set(found.orphans)


def test_replaced_originals_are_ours_wherever_they_lie() -> None:
    """Storekeeper made what is named in their place; one that is named again stays."""
    tree = files("any/a.webp", "any/a.jpg", "any/b.jpg", "any/c.jpg", "any/d.jpg")
    found = find(
        tree,
        rows=["any/a.webp", "any/b.jpg"],
        uploads=[None],
        named=["any/c.jpg"],
        replaced=["any/a.jpg", "any/b.jpg", "any/c.jpg"],
    )
    assert {"any/a.jpg": "any", "any/d.jpg": "any"} == found.orphans
