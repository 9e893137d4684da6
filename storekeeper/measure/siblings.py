"""Files that name their neighbours: playlists, manifests and indexes, and pages with their images."""

from collections.abc import Callable, Collection
from dataclasses import dataclass
from typing import Final

from storekeeper.measure.name_search import NameSearch

_PLAYLISTS: Final = (
    ".m3u8", ".m3u", ".mpd", ".ism", ".ismc", ".f4m", ".smil", ".pls", ".xspf", ".cue", ".webmanifest",
    ".manifest", ".torrent", ".vrt", ".gltf",
)  # fmt: skip
# Files of these kinds make the folder that of their maker when they bear such a name.
_INDEXES: Final = ("manifest", "index", "playlist", "sitemap", "feed", "catalog", "contents", "files")
_TEXTS: Final = (
    ".json", ".xml", ".html", ".htm", ".xhtml", ".css", ".js", ".svg", ".vtt", ".srt", ".txt", ".md",
    ".csv", ".tsv", ".rss", ".atom", ".yml", ".yaml", ".tex", ".rst", ".obj", ".mtl", ".sha256", ".md5",
)  # fmt: skip
# Enough for any folder that people fill.
MOST_TEXTS: Final = 2000


@dataclass(frozen=True, kw_only=True)
class Beside:
    """``playlist`` is a file that lists its folder, ``""`` for none; ``named`` are files that others name."""

    playlist: str = ""
    named: frozenset[str] = frozenset()


def tells_of_others(name: str) -> bool:
    """Return whether a file of this name may name its neighbours."""
    return name.lower().endswith((*_PLAYLISTS, *_TEXTS))


def names_siblings(folder: str, names: Collection[str], *, read: Callable[[str], str]) -> Beside:
    """Read what may name the files of a folder; ``read`` gives the text of a file of the area."""
    named: set[str] = set()
    for name in [name for name in sorted(names) if tells_of_others(name)][:MOST_TEXTS]:
        text = read(f"{folder}/{name}" if folder else name)
        if not text:
            continue
        search = NameSearch(one for one in names if one != name)
        search.look(text, place=name)
        if search.places and _is_playlist(name):
            return Beside(playlist=name)
        named.update(search.places)
    return Beside(named=frozenset(named))


def _is_playlist(name: str) -> bool:
    lower = name.lower()
    return lower.endswith(_PLAYLISTS) or lower.startswith(_INDEXES)
