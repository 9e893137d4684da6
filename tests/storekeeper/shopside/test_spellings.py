"""One resolver tells which files a stored text names, in whatever form the shop wrote the name."""

import unicodedata
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from storekeeper.shopside.spellings import Wanted

NAME = "products/a b.jpg"


@pytest.mark.parametrize(
    "value",
    [
        "products/a b.jpg",
        "/media/products/a b.jpg",
        "https://shop.example/media/products/a%20b.jpg?width=300#top",
        "./products//a b.jpg",
        "products/../products/a b.jpg",
        "products\\a b.jpg",
    ],
)
def test_a_name_is_known_in_each_of_its_forms(value: str) -> None:
    """Bare names, URL paths, whole URLs, untidy paths and Windows paths name the same file."""
    assert set(Wanted([NAME, "products/b.jpg"]).named_by(value)) == {NAME}


@pytest.mark.parametrize("value", ["b.jpg", "products/b.jpg.bak", "productsa b.jpg", "", "/", "a b"])
def test_other_names_name_nothing(value: str) -> None:
    """Only the end of a whole path counts."""
    assert set(Wanted([NAME]).named_by(value)) == set()


def test_a_storage_of_its_own_is_counted_from_the_root() -> None:
    """A field whose files lie in a folder below the root stores names without that folder."""
    assert set(Wanted(["private/a.pdf"]).named_by("a.pdf", prefix="private/")) == {"private/a.pdf"}


def test_letters_are_compared_composed() -> None:
    """A name is the same however its letters are composed, and each of two such files is named."""
    composed, split = (unicodedata.normalize(form, "é.jpg") for form in ("NFC", "NFD"))
    assert set(Wanted([composed, split]).named_by(split)) == {composed, split}


@pytest.mark.parametrize("value", ["Products/A b.JPG", "/media/PRODUCTS/a%20B.jpg", "PRODUCTS\\A B.JPG"])
def test_the_case_of_letters_keeps_no_file_from_being_named(value: str) -> None:
    """Where the disk ignores case, a row may write a name otherwise than the folder does."""
    assert set(Wanted([NAME]).named_by(value)) == {NAME}
    assert set(Wanted(["Straße/É.jpg"]).named_by("STRASSE/e\u0301.JPG")) == {"Straße/É.jpg"}


def test_rich_text_and_json_name_files() -> None:
    """Names are found in attributes, in Markdown and deep inside JSON values."""
    wanted = Wanted([NAME, "ខ្មែរ.png", "c&d.png"])
    assert set(wanted.named_in('<img src="/media/products/a b.jpg"> ![x](/media/ខ្មែរ.png)')) == {
        NAME,
        "ខ្មែរ.png",
    }
    assert set(wanted.named_in({"x": [{"src": "/media/c&amp;d.png"}, 3, None]})) == {"c&d.png"}


@given(st.text(st.characters(exclude_characters="/\0\\", exclude_categories=["Cs"]), min_size=1, max_size=20))
def test_every_name_is_found_bare_quoted_and_as_url(last: str) -> None:
    """No file is lost for the letters of its name: bare, in JSON, and encoded in a URL it is found."""
    if last in (".", ".."):
        return
    name = f"products/{last}"
    wanted = Wanted([name])
    assert set(wanted.named_by(name)) == {name}
    assert set(wanted.named_in({"src": name})) == {name}
    assert set(wanted.named_by(f"https://shop.example/media/{quote(name)}?x=1")) == {name}
