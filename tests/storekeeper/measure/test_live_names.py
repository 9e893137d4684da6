"""What is made of a file that rows name, told by its name."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from storekeeper.measure.live_names import LiveNames


@pytest.fixture
def live() -> LiveNames:
    """Some files of every sort of name."""
    found = LiveNames()
    for value in (
        "products/photo.jpg", "products/My Cup (1).PNG", "docs/1.pdf", "docs/photo1.jpg", "docs/a-b.gif",
        "ខ្មែរ/រូប.jpg",
    ):  # fmt: skip
        found.add(value)
    return found


@pytest.mark.parametrize(
    "path",
    [
        "products/photo.jpg.100x100_q85.jpg",
        "products/photo.thumbnail.jpg",
        "products/photo-thumbnail-100x100-70.webp",
        "products/thumb_photo.jpg",
        "products/xphotox.jpg",
        "products/photo2x.jpg",
        "products/photo.webp",
        "thumbs/PHOTO.jpg",
        "products/my-cup-1_small.png",
        "products/my_cup_1.small.png",
        "products/My%20Cup%20%281%29.small.png",
        "docs/1.pdf.png",
        "docs/thumb-1.png",
        "docs/pages/1-2.png",
        "docs/photo1-2.jpg",
        "docs/photo12x.jpg",
        "ខ្មែរ/រូប_small.jpg",
        "docs/x-a.b-y.png",
    ],
)
def test_variants_are_known(live: LiveNames, path: str) -> None:
    """The name of a live file with something before or after it, in whatever spelling."""
    assert live.made_of_live(path)


@pytest.mark.parametrize(
    "path",
    [
        "products/other.jpg",
        "products/phot.jpg",
        "products/1.pdf",
        "docs/11.pdf",
        "docs/x1.pdf",
        "docs/cup.png",
    ],
)
def test_others_are_not(live: LiveNames, path: str) -> None:
    """A short name counts between separators and in its own folder only."""
    assert not live.made_of_live(path)


def test_a_number_is_no_beginning_of_a_longer_one() -> None:
    """Numbered uploads are files of their own."""
    live = LiveNames()
    live.add("a/scan1.jpg")
    live.add("a/7scan.jpg")
    assert not live.made_of_live("a/scan12.jpg")
    assert not live.made_of_live("a/scan12-x.jpg")
    assert not live.made_of_live("a/17scan.jpg")
    assert live.made_of_live("a/scan1.12.jpg")


def test_folders_and_paths(live: LiveNames) -> None:
    """Folders are those of plain values; paths are known without their case."""
    assert {"products", "docs", "ខ្មែរ"} == live.folders
    assert live.names("PRODUCTS/photo.JPG")
    assert not live.names("photo.jpg")
    live.add('["list/a.jpg", "list/b.jpg"]')
    assert live.names("list/b.jpg")
    live.add("../outside.jpg")
    assert ".." not in live.folders
    assert (True, True, False) == (live.is_stem("photo"), live.is_stem("photo.jpg"), live.is_stem("products"))


@given(st.text(min_size=4), st.text(max_size=8), st.text(max_size=8))
def test_anything_around_a_long_name_keeps(stem: str, before: str, after: str) -> None:
    """Whatever the letters: what is cut out of a number alone is another one."""
    live = LiveNames()
    live.add(f"a/{stem.replace('/', '-')}.jpg")
    name = f"{before}_{stem}_{after}".replace("/", "-")
    if live.made_of_live(f"a/{stem.replace('/', '-')}.jpg"):
        assert live.made_of_live(f"a/{name}.jpg")


def test_marks_of_a_list_in_a_name_make_no_other_names_of_it() -> None:
    """Of ``[x].webp`` no part is a name; of a list each is."""
    one, many = LiveNames(), LiveNames()
    one.add("articles/[one].webp")
    one.add("articles/my summer.jpg")
    assert not one.made_of_live("articles/nobody.webp")
    assert not one.made_of_live("articles/summer-2.jpg")
    many.add('["articles/first.webp", "articles/second.webp"]')
    many.add("articles/third.jpg,articles/fourth.jpg")
    for name in ("first", "second", "third", "fourth"):
        assert many.made_of_live(f"articles/{name}-2.webp")
