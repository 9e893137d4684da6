"""Search texts for the names of many files at once."""

from collections.abc import Collection, Iterable, Iterator
from typing import Final

import ahocorasick

from storekeeper.measure.spellings import patterns_of, searched_forms

# After so many hits, names that were found are no longer searched for: a file called "1" is in every text.
HITS_BEFORE_REBUILD: Final = 100_000
# The place of a file whose name is made of quotation marks alone.
NOT_SEARCHABLE: Final = "a name that cannot be searched for"
# A longer text is searched in pieces that overlap by more than a name and its escapes take.
PIECE: Final = 1 << 20
OVERLAP: Final = 1 << 14


class NameSearch:
    """
    Files, by their names below a root, and where they were found to be named.

    One pass through a text finds all names in it (Aho and Corasick), however many there are.
    """

    def __init__(self, files: Iterable[str]) -> None:
        self.places: dict[str, str] = {}
        """The files that are named, and the place where each was found first."""
        self._patterns: dict[str, list[str]] = {}
        wanted = set(files)
        self._count = len(wanted)
        for file in wanted:
            patterns = patterns_of(file)
            if "" in patterns:
                # It cannot be known to be free.
                self.places[file] = NOT_SEARCHABLE
                continue
            for pattern in patterns:
                self._patterns.setdefault(pattern, []).append(file)
        self._hits = 0
        self._build()

    @property
    def done(self) -> bool:
        """True when every file was found."""
        return len(self.places) == self._count

    def look(self, text: str, *, place: str) -> None:
        """Search one text; ``place`` says whose it is."""
        if self.done:
            return
        for piece in _pieces(text):
            for form in searched_forms(piece, longest=self._longest):
                self._search(form, place=place)
        if self._hits > HITS_BEFORE_REBUILD:
            self.forget_found()

    def forget_found(self) -> None:
        """Search no longer for files that were found."""
        self._hits = 0
        before = len(self._patterns)
        self._patterns = {
            pattern: left
            for pattern, files in self._patterns.items()
            if (left := [file for file in files if file not in self.places])
        }
        if len(self._patterns) < before:
            self._build()

    def _build(self) -> None:
        self._longest = max(map(len, self._patterns), default=0)
        self._found_by = list(self._patterns.values())
        self._automaton = ahocorasick.Automaton(ahocorasick.STORE_INTS)
        for number, pattern in enumerate(self._patterns):
            self._automaton.add_word(pattern, number)
        self._automaton.make_automaton()

    def _search(self, form: str, *, place: str) -> None:
        if not self._patterns:
            # An automaton of nothing cannot be asked.
            return
        found = set()
        for _, number in self._automaton.iter(form):
            self._hits += 1
            found.add(number)
        for number in found:
            for file in self._found_by[number]:
                self.places.setdefault(file, place)


def _pieces(text: str) -> Iterator[str]:
    if len(text) <= PIECE:
        yield text
        return
    for start in range(0, len(text), PIECE):
        yield text[max(0, start - OVERLAP) : start + PIECE]


def batches(files: Collection[str], *, size: int) -> Iterator[list[str]]:
    """Yield the files in parts, so that the memory for a search has a bound."""
    names = list(files)
    for start in range(0, len(names), size):
        yield names[start : start + size]
