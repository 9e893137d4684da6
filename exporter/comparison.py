"""
Compare the files of one area with what names them: the basis of the orphans and of the QR codes.

The files come from the walk that measured the area, the rows are asked afterwards: a file that comes and is
named between the two is never taken for an orphan. When any query fails there is no result, since half the
rows would make orphans of the other half's files. The names in file fields are compared first, which is
cheap; only for files that none of them names is everything in the databases searched, as the cleanups do.
"""

import posixpath
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Final

from exporter.file_counts import EXPIRED, LIVE, ORPHANED, REPLACED, STATES, FileCount, Tally
from exporter.file_kinds import NO_KIND, FileKinds
from exporter.key_set import KeySet
from exporter.named_files import moment_for, next_expiry, read_file_column
from exporter.references import AreaReferences, Reference
from exporter.row_versions import has_table
from storekeeper.files.tree import OWN_PREFIX
from storekeeper.measure.orphans import FoundOrphans, Listing
from storekeeper.measure.scanner import TreeState, unpacked
from storekeeper.shop import ShopDescription
from storekeeper.shopside.spellings import canonical, ends, paths

ROWS_AT_ONCE: Final = 1000
FindOrphans = Callable[[Listing, Callable[[Collection[str]], Collection[str]]], FoundOrphans]
# Elsewhere than on Windows, a name of plain letters is its own canonical form.
PLAIN_IS_CANONICAL: Final = canonical("A") == "A"


@dataclass(frozen=True, kw_only=True)
class AreaFiles:
    """
    What one area holds: ``orphans`` (None where no file field puts files there), and codes by kind and state.

    ``replaced`` are the originals of images that optimize_images keeps for the way back; they are no orphans.

    It stays right while rows and files stay the same, until the first row of ``expiries`` expires (a moment
    in the form of ``moment_for``), or the time before which the files of a kind are old passes ``youngest``.
    ``searched`` tells whether anything but file fields was asked for.
    """

    orphans: FileCount | None
    codes: Mapping[tuple[str, str], FileCount]
    replaced: FileCount
    expiries: tuple[tuple[Reference, object], ...] = ()
    youngest: Mapping[str, int] = field(default_factory=dict)
    searched: bool = False


class AreaComparison:
    """
    One comparison; ``kept_since`` is the time before which the files of a kind are old.

    ``find_orphans`` looks at folders with the names of their files, None where the area has no uploads; it
    asks first for all files that no row names. ``unnamed`` gives those of some files that nothing in the shop
    names, ``unnamed_originals`` those of the files that others may be made of.
    """

    def __init__(
        self,
        references: AreaReferences,
        *,
        kinds: FileKinds,
        kept_since: Mapping[str, float],
        description: ShopDescription,
        unnamed: Callable[[Collection[str]], Collection[str]],
        now: float,
        unnamed_originals: Callable[[Collection[str]], Collection[str]] = lambda files: files,
        find_orphans: FindOrphans | None = None,
        replaced: frozenset[str] = frozenset(),
        pace: Callable[[int], None] = lambda _: None,
    ) -> None:
        self._references = references
        self._kinds = kinds
        self._kept_since = kept_since
        self._description = description
        self._unnamed = unnamed
        self._unnamed_originals = unnamed_originals
        self._find_orphans = find_orphans
        self._free: frozenset[str] | None = None
        self._now = now
        self._pace = pace
        self._named = KeySet()
        self._codes = {kind: (KeySet(), KeySet()) for kind in kinds.with_rows}
        self._tally = Tally([(kind, state) for kind in kinds.names for state in STATES])
        self._replaced = replaced
        self._orphans = Tally([(NO_KIND, ORPHANED), (NO_KIND, REPLACED)])
        self._candidates: dict[str, tuple[str, int, int]] = {}
        self._youngest: dict[str, int] = {}

    def result(self, state: TreeState | None) -> AreaFiles:
        """Ask the rows, then look at the files; None stands for a folder that is not there. Call it once."""
        expiries = [pair for reference in self._references.references for pair in self._ask(reference)]
        self._named.close()
        for kind, (live, expired) in self._codes.items():
            rows, late = len(live), len(expired)
            # Two rows may name one file; both count as live while one of them is.
            moved = live.take_from(expired)
            self._tally.add((kind, LIVE), files=rows + moved)
            self._tally.add((kind, EXPIRED), files=late - moved)
        if state is not None:
            self._look(state)
            self._count_candidates(self._orphans_in(state))
        return AreaFiles(
            orphans=self._orphans.counts()[NO_KIND, ORPHANED] if self._find_orphans else None,
            codes=self._tally.counts(),
            replaced=self._orphans.counts()[NO_KIND, REPLACED],
            expiries=tuple(expiries),
            youngest=self._youngest,
            searched=self._free is not None,
        )

    def _ask(self, reference: Reference) -> Iterator[tuple[Reference, object]]:
        """Take in the names in one file field; give when the next of its rows expires."""
        address, column = reference.address, reference.column
        if reference.elsewhere and not has_table(address, table=column.table):
            return
        now = moment_for(address.engine, now=self._now, description=self._description)
        moment = next_expiry(address, column=column, now=now)
        if moment is not None:
            yield reference, moment
        codes = self._codes.get(reference.kind or NO_KIND)

        def names() -> Iterator[str]:
            for number, (stored, expired) in enumerate(read_file_column(address, column=column, now=now), 1):
                for path in paths(stored, prefix=reference.prefix):
                    yield from ends(path)
                if codes is not None:
                    codes[expired].add([canonical(posixpath.normpath(reference.prefix + stored))])
                if number % ROWS_AT_ONCE == 0:
                    self._pace(ROWS_AT_ONCE)

        self._named.add(names())

    def _look(self, state: TreeState) -> None:
        """Look up every file of the walk."""
        for place, folder in enumerate(state.paths):
            packed = state.listings[place]
            if not packed or is_ours(folder):
                continue
            listing = unpacked(packed)
            above = f"{folder}/" if folder else ""
            full = [above + name for name in listing.names]
            keys = (
                full
                if all(map(str.isascii, full)) and PLAIN_IS_CANONICAL
                else [canonical(name) for name in full]
            )
            named = self._named.places_of(keys)
            for kind, states in self._codes.items():
                for state_name, names in zip((LIVE, EXPIRED), states, strict=True):
                    for found in names.places_of([keys[index] for index in named]):
                        self._tally.add((kind, state_name), files=0, size_bytes=listing.sizes[named[found]])
            kind_of = self._kinds.within(folder)
            without = set(range(len(full))).difference(named)
            for index in [index for index in without if full[index] in self._replaced]:
                self._orphans.add((NO_KIND, REPLACED), size_bytes=listing.sizes[index])
            for index in range(len(full)) if kind_of is not None else ():
                found_kind = kind_of(listing.names[index]) if kind_of is not None else None
                if found_kind:
                    self._take(
                        full[index],
                        kind=found_kind,
                        size_bytes=listing.sizes[index],
                        modified=listing.modified[index],
                        named=index not in without,
                    )
            self._pace(len(full))

    def _take(self, name: str, *, kind: str, size_bytes: int, modified: int, named: bool) -> None:
        if named:
            self._count(name, kind=kind, size_bytes=size_bytes, modified=modified, named=True)
        else:
            self._candidates[name] = (kind, size_bytes, modified)

    def _orphans_in(self, state: TreeState) -> Mapping[str, str]:
        """Count the orphans; return the folders that are not judged."""
        if self._find_orphans is None:
            return {}
        found = self._find_orphans(lambda: self._listing(state), self._named_anywhere)
        folders = {name.rpartition("/")[0] for name in found.orphans}
        for place, folder in enumerate(state.paths):
            if folder in folders:
                listing = unpacked(state.listings[place])
                above = f"{folder}/" if folder else ""
                for name, size in zip(listing.names, listing.sizes, strict=True):
                    if above + name in found.orphans and above + name not in self._replaced:
                        self._orphans.add((NO_KIND, ORPHANED), size_bytes=size)
        return found.left_alone

    def _listing(self, state: TreeState) -> Iterator[tuple[str, list[str]]]:
        for place, folder in enumerate(state.paths):
            if state.listings[place] and not is_ours(folder):
                names = list(unpacked(state.listings[place]).names)
                self._pace(len(names))
                yield folder, names

    def _named_anywhere(self, files: Collection[str]) -> Collection[str]:
        """Return those of the files that anything names; the first time with the codes that no row names."""
        if self._free is None:
            free = self._free = frozenset(self._unnamed({*files, *self._candidates}))
        else:
            free = frozenset(self._unnamed_originals(files))
        return [file for file in files if file not in free]

    def _count_candidates(self, left_alone: Mapping[str, str]) -> None:
        """Count the codes that no file field names, after all that the databases hold was searched."""
        if self._candidates and self._free is None:
            self._free = frozenset(self._unnamed(self._candidates))
        for name, (kind, size_bytes, modified) in self._candidates.items():
            assert self._free is not None
            named = name not in self._free
            # Where nothing is judged, a code that no row names is none of ours.
            if not (kind in self._codes and name.rpartition("/")[0] in left_alone):
                self._count(name, kind=kind, size_bytes=size_bytes, modified=modified, named=named)
        self._candidates.clear()

    def _count(self, name: str, *, kind: str, size_bytes: int, modified: int, named: bool) -> None:
        if kind in self._codes:
            # Those with a row were counted with their rows.
            if not named:
                self._tally.add((kind, ORPHANED), size_bytes=size_bytes)
        elif modified < self._kept_since[kind]:
            self._tally.add((kind, LIVE if named else EXPIRED), size_bytes=size_bytes)
        else:
            self._tally.add((kind, LIVE), size_bytes=size_bytes)
            self._youngest[kind] = min(modified, self._youngest.get(kind, modified))


def is_ours(folder: str) -> bool:
    """Tell whether a folder is one of storekeeper's own (quarantine, trash), or lies in one."""
    return OWN_PREFIX in folder and any(part.startswith(OWN_PREFIX) for part in folder.split("/"))
