"""A name is found in a text in whatever spelling, and whatever stands around it."""

import base64
import html
import json
import pickle
import unicodedata
import zlib
from collections.abc import Callable
from urllib.parse import quote, quote_plus

import pytest
from hypothesis import given
from hypothesis import strategies as st

from storekeeper.measure.name_search import NameSearch

NAMES = (
    "banner.jpg",
    "photo (1).jpg",
    "tom's cup.jpg",
    'a "b", c.jpg',
    "50% off + more & less.png",
    "ខ្មែរ ក្រមា.jpg",
    "é😀.png",
    "a\\b.jpg",
    "plan_[old]{x}|y;z=1,2.pdf",
    "no_extension",
    "%41.txt",
    "a&amp;b.jpg",
    "\\u0041.jpg",
    "two\nlines.jpg",
    " spaces around .jpg ",
)


def entities(text: str) -> str:
    return "".join(f"&#{ord(letter)};" for letter in text)


def hex_entities(text: str) -> str:
    return "".join(f"&#x{ord(letter):X};" for letter in text)


def small_percents(text: str) -> str:
    return "".join(f"%{byte:02x}" for byte in text.encode())


def session(text: str) -> str:
    packed = zlib.compress(json.dumps({"file": text, "step": "2"}).encode())
    return "." + base64.urlsafe_b64encode(packed).decode().rstrip("=") + ":1abcde:signature_of_it"


def pickled(text: str) -> str:
    return base64.b64encode(pickle.dumps({"file": text})).decode()


SPELLINGS: dict[str, Callable[[str], str]] = {
    "plain": str,
    "composed": lambda text: unicodedata.normalize("NFC", text),
    "split": lambda text: unicodedata.normalize("NFD", text),
    "url": quote,
    "all percent": small_percents,
    "query": quote_plus,
    "path of Django": lambda text: quote(text, safe="/~!*()'"),
    "json": json.dumps,
    "json as it is": lambda text: json.dumps(text, ensure_ascii=False),
    "json with slashes": lambda text: json.dumps(text).replace("/", "\\/"),
    "html": html.escape,
    "decimal": entities,
    "hexadecimal": hex_entities,
    "windows": lambda text: text.replace("/", "\\"),
    "python": repr,
    "python in ASCII": ascii,
    "array": lambda text: '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"',
    "composite": lambda text: '"' + text.replace("\\", "\\\\").replace('"', '""') + '"',
    "sql": lambda text: text.replace("'", "''"),
}
PACKED: dict[str, Callable[[str], str]] = {"session": session, "pickle": pickled}


def finds(name: str, text: str) -> bool:
    search = NameSearch([name])
    search.look(text, place="here")
    return name in search.places


@pytest.mark.parametrize("name", NAMES)
def test_every_spelling_of_a_name_is_found(name: str) -> None:
    """Each spelling by itself, and each of two inside each other, wherever the path begins."""
    missed = []
    for first, one in (SPELLINGS | PACKED).items():
        for second, other in SPELLINGS.items():
            for path in (f"2025/{name}", f"/media/a/{name}", f"https://x.example/m/{name}", name):
                missed += [
                    (first, second, text)
                    for text in (one(path), one(other(path)))
                    if not finds(f"documents/originals/{name}", f'<img src="{text}"> more')
                ]
    assert [] == missed


LETTERS = st.characters(exclude_characters="/\0", exclude_categories=["Cs", "Cc"])


@given(
    st.text(LETTERS, min_size=1, max_size=12).filter(lambda name: name not in (".", "..")),
    st.sampled_from(list(SPELLINGS.values())),
    st.sampled_from(list(SPELLINGS.values())),
    st.sampled_from(["", "/", " ", '"', "(", "=", "\n", "100", "é"]),
    st.sampled_from(["", '"', "?v=1", "#top", "&v=2", " ", ")", "\n", ",", "<"]),
)
def test_any_letters_in_any_two_spellings_between_anything_are_found(
    last: str, one: Callable[[str], str], other: Callable[[str], str], before: str, after: str
) -> None:
    """No letter of a name, and nothing that stands beside it, keeps it from being found."""
    assert finds(f"uploads/{last}", f"{before}{one(other(f'uploads/{last}'))}{after}")


@pytest.mark.parametrize("spelling", SPELLINGS.values(), ids=SPELLINGS)
def test_the_case_of_letters_does_not_count(spelling: Callable[[str], str]) -> None:
    """A row may write a name in other letters than the folder does."""
    for name in ("Photo (1).JPG", "Straße É.jpg", "ΣΊΣΥΦΟΣ.png"):
        for path in (name.upper(), name.lower(), name.swapcase()):
            assert finds(f"uploads/{name}", f"<a href='/media/{spelling(path)}'>")


def test_a_name_that_is_not_utf_8_is_found() -> None:
    """Bytes of an older encoding are the same letters in the folder, in a text and in a URL."""
    name = b"caf\xe9.jpg".decode("utf-8", "surrogateescape")
    assert finds(name, "/media/café.jpg")
    assert finds(name, "/media/caf%E9.jpg")


def test_other_names_are_not_found() -> None:
    """A name that stands nowhere in the text is free."""
    assert not finds("uploads/nobody.jpg", '<img src="/media/uploads/somebody.jpg"> nobody.png')


def test_long_texts_are_searched_over_the_joins_of_their_pieces() -> None:
    """A name that lies across the end of a piece is found, escaped as well."""
    for size in range((1 << 20) - 60, (1 << 20) + 3, 3):
        assert finds(
            "uploads/ខ្មែរ_long_name.jpg", "." * size + quote("uploads/ខ្មែរ_long_name.jpg") + "." * 5000
        )


def test_names_that_are_everywhere_are_dropped_from_the_search() -> None:
    """Files called like a letter do not slow the search down, and do not hide the others."""
    search = NameSearch(["a", "e", "n", "products/other.jpg"])
    for _ in range(3):
        search.look("a banana tree " * 10_000, place="here")
    assert {"a", "e", "n"} == set(search.places)
    search.look("other.jpg", place="there")
    assert "there" == search.places["products/other.jpg"]
    assert search.done


def test_one_escape_in_a_long_name_between_plain_texts() -> None:
    """Only what is near an escape is decoded: that is as far as the longest name goes."""
    name = "x" * 120 + " " + "y" * 120 + ".jpg"
    for before in (0, 1, 200, 100_000):
        text = "&amp; " + "plain " * before + f"/media/{quote(name)}" + " plain" * 10_000 + " %20"
        assert finds(f"uploads/{name}", text)
        assert not finds(f"uploads/{name}", text.replace("%20y", "%21y"))


@pytest.mark.parametrize("name", ['"', "'", "\\", "'\"'"])
def test_a_name_with_nothing_to_search_for_counts_as_named(name: str) -> None:
    """Nobody can say that such a file is free, whatever the texts are."""
    assert finds(f"uploads/{name}", "a text")
