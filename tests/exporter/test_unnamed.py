"""Everything is searched again when something has changed, but a long search is not begun at once again."""

from collections.abc import Collection
from typing import Any

from exporter.unnamed import UnnamedFiles


class Searched:
    """A search that takes ``seconds``; ``asked`` holds what each was for, ``named`` what it finds."""

    def __init__(self, *, seconds: float, named: Collection[str] = ()) -> None:
        self.seconds, self.named = seconds, set(named)
        self.now = 1000.0
        self.version: Any = 1
        self.asked: list[set[str]] = []
        self.unnamed = UnnamedFiles(self.search, version=lambda: self.version, monotonic=lambda: self.now)

    def search(self, files: Collection[str]) -> Collection[str]:
        self.asked.append(set(files))
        self.now += self.seconds
        return self.named & set(files)


def test_a_quick_search_is_repeated_when_anything_changed() -> None:
    """Another version, another file, and a version that nobody can tell; not the same question once more."""
    searched = Searched(seconds=0.5, named=["b"])
    assert {"a"} == set(searched.unnamed(["a", "b"]))
    assert {"a"} == set(searched.unnamed(["a", "b"]))
    assert {"a"} == set(searched.unnamed(["a"]))
    assert 1 == len(searched.asked)
    searched.version = 2
    assert not searched.unnamed.holds()
    searched.unnamed(["a", "b"])
    assert {"a", "c"} == set(searched.unnamed(["a", "c"]))
    searched.version = None
    searched.unnamed(["a"])
    searched.unnamed(["a"])
    assert [{"a", "b"}, {"a", "b"}, {"a", "c"}, {"a"}, {"a"}] == searched.asked


def test_after_a_long_search_new_files_count_as_named_for_a_while() -> None:
    """A search of a minute is begun again 20 minutes later; nothing is called an orphan before."""
    searched = Searched(seconds=60)
    assert {"a"} == set(searched.unnamed(["a"]))
    searched.version = 2
    searched.now += 19 * 60
    assert searched.unnamed.holds()
    assert {"a"} == set(searched.unnamed(["a", "new"])) & {"a", "new"}
    searched.now += 2 * 60
    assert {"a", "new"} == set(searched.unnamed(["a", "new"]))
    assert 2 == len(searched.asked)
