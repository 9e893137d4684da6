"""The ways in which texts of a shop write the name of a file."""

import html
import json
import unicodedata
from collections.abc import Callable
from random import Random
from urllib.parse import quote, quote_plus

Spelling = Callable[[str], str]

ONE: tuple[Spelling, ...] = (
    str,
    str,
    quote,
    lambda path: quote(path, safe="/~!*()'"),
    lambda path: quote(path, safe=""),
    lambda path: "".join(f"%{byte:02x}" for byte in path.encode()),
    quote_plus,
    html.escape,
    lambda path: html.escape(quote(path)),
    lambda path: "".join(f"&#{ord(letter)};" for letter in path),
    lambda path: "".join(f"&#x{ord(letter):x};" for letter in path),
    lambda path: json.dumps(path)[1:-1],
    lambda path: json.dumps(path)[1:-1].replace("/", "\\/"),
    lambda path: json.dumps(json.dumps(path)[1:-1])[1:-1],
    lambda path: json.dumps(html.escape(path), ensure_ascii=False)[1:-1],
    lambda path: unicodedata.normalize("NFD", path),
    lambda path: unicodedata.normalize("NFC", path),
    lambda path: path.replace("/", "\\"),
    lambda path: ascii(path)[1:-1],
    str.upper,
)
AROUND: tuple[str, ...] = (
    "{}",
    '<p>Look: <img alt="" src="{}" width="3"> and more.</p>',
    "<a href='{}?v=2&amp;w=100#top'>x</a>",
    "![picture]({})",
    "background: url({})",
    '{{"blocks": [{{"type": "image", "src": "{}"}}], "n": 1}}',
    "first.bin,{},last.bin",
    "see\n{}\nand so on",
)


def path_of(rng: Random, name: str) -> str:
    """Return how a text may address a file of the media: in whole, in part, from elsewhere."""
    parts = name.split("/")
    tail = "/".join(parts[rng.randrange(len(parts)) :])
    return rng.choice(
        (
            name,
            f"/media/{name}",
            f"https://shop.example/media/{name}",
            tail,
            parts[-1],
            f"/srv/x/media/{name}",
        )
    )


def text_naming(rng: Random, name: str) -> str:
    """Return a text that names the file in some spelling."""
    return rng.choice(AROUND).format(rng.choice(ONE)(path_of(rng, name)))
