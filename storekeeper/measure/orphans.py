"""
The one answer to the question: which files of an area are orphans? Plan, report and exporter all ask here.

A file is an orphan when it lies in a folder that is judged (``judge.py``), and nothing names it: no row, no
text of any table, no setting, no code or template of the shop, no page or playlist beside it; when it is not
made of a file that is named (``live_names.py``); and when it is no file that servers and systems put into
folders themselves. How old it is does not matter here.
"""

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Final

from storekeeper.measure.judge import Judge, Judged, LeftAlone
from storekeeper.measure.live_names import SHORT, LiveNames, plain, stem_of
from storekeeper.measure.siblings import names_siblings, tells_of_others
from storekeeper.shop.uploads import Uploads

# What web servers, editors and systems put into folders; no row ever names them.
FURNITURE: Final = frozenset(
    {
        "index.html", "index.htm", "index.php", "web.config", "robots.txt", "favicon.ico", "thumbs.db",
        "desktop.ini", "cachedir.tag", "readme", "readme.md", "readme.txt", "license", "crossdomain.xml",
    }
)  # fmt: skip
CACHE_TAG: Final = "CACHEDIR.TAG"
MADE_OF_LIVE: Final = "made of a file that is named"
# A folder that only rows speak for is one of uploads when so many of its files have rows, or most of them.
ROWS_ENOUGH: Final = 5

Listing = Callable[[], Iterable[tuple[str, Collection[str]]]]
"""Yields each folder of the area, ``""`` for the area itself, with the names of its files."""


@dataclass(frozen=True, kw_only=True)
class FoundOrphans:
    """
    ``orphans`` holds file → the folder's name in approvals; ``left_alone`` folder → why it is not judged.

    ``kept`` counts, by reason, the files of judged folders that stay though no row names them.
    """

    orphans: Mapping[str, str] = field(default_factory=dict)
    left_alone: Mapping[str, str] = field(default_factory=dict)
    kept: Mapping[str, int] = field(default_factory=dict)


class OrphanFinder:
    """
    One look at one area.

    ``named`` tells which of some files any database names; ``in_code`` which of them settings, code and
    templates name. ``read`` gives the text of a small file of the area, ``""`` for any other. ``passed``
    tells which files are none of ours: codes of ``qr_codes``, patterns of ``ignore``. ``replaced`` are
    originals in whose place rows name a file that storekeeper made of them: they are ours to take, wherever
    they lie and whatever they are called.
    """

    def __init__(
        self,
        *,
        uploads: Uploads,
        live: LiveNames,
        named: Callable[[Collection[str]], Collection[str]],
        in_code: Callable[[Collection[str]], Collection[str]] = lambda files: (),
        read: Callable[[str], str] = lambda name: "",
        passed: Callable[[str], bool] = lambda name: False,
        replaced: Collection[str] = (),
    ) -> None:
        self._judge = Judge(uploads, named_folders=live.folders)
        self._live = live
        self._named = named
        self._in_code = in_code
        self._read = read
        self._passed = passed
        self._replaced = replaced
        self._kept: dict[str, int] = {}
        self._left_alone: dict[str, str] = {}

    def find(self, listing: Listing) -> FoundOrphans:
        """Return the orphans; ``listing`` is gone through twice."""
        verdicts: dict[str, Judged] = {}
        beside: dict[str, list[str]] = {}
        wanted: dict[str, str] = {}
        live_in: dict[str, int] = {}
        ours: dict[str, str] = {}
        for folder, names in listing():
            ours.update(self._replaced_in(folder, names))
            verdict = self._judge.of(folder)
            if isinstance(verdict, Judged) and CACHE_TAG in names:
                verdict = LeftAlone(reason=f"{CACHE_TAG} marks a cache")
            if isinstance(verdict, LeftAlone):
                if names:
                    self._left_alone[folder] = verdict.reason
                continue
            verdicts[folder] = verdict
            live_in[folder] = 0
            for name in names:
                path = f"{folder}/{name}" if folder else name
                if path in ours:
                    continue
                if self._live.names(path):
                    live_in[folder] += 1
                elif not self._stays(path, verdict):
                    wanted[path] = folder
            if any(map(tells_of_others, names)):
                beside[folder] = list(names)
        questions = (("named in a database", self._named), ("named in settings or code", self._in_code))
        for reason, asked in questions:
            named = asked([*wanted, *ours]) if wanted or ours else ()
            self._keep(wanted, reason, named)
            self._keep(ours, reason, named)
        self._keep(wanted, MADE_OF_LIVE, self._made_of_named(wanted, listing))
        self._look_beside(wanted, beside=beside)
        self._leave_to_others(wanted, verdicts=verdicts, live_in=live_in)
        return FoundOrphans(
            orphans={**{path: verdicts[folder].base for path, folder in wanted.items()}, **ours},
            left_alone=self._left_alone,
            kept=self._kept,
        )

    def _replaced_in(self, folder: str, names: Collection[str]) -> Iterator[tuple[str, str]]:
        """Yield the replaced originals in a folder that no row names again, with the name for approvals."""
        if not self._replaced:
            return
        verdict = self._judge.of(folder)
        base = verdict.base if isinstance(verdict, Judged) else folder.partition("/")[0]
        for name in names:
            path = f"{folder}/{name}" if folder else name
            if path in self._replaced and not self._live.names(path) and not self._passed(path):
                yield path, base

    def _stays(self, path: str, verdict: Judged) -> bool:
        """Return whether the file stays by what it is called."""
        folder, _, name = path.rpartition("/")
        if self._passed(path):
            return True
        if name.startswith(".") or name.lower() in FURNITURE:
            self._count("put there by a server or a system")
        elif self._live.made_of_live(path) or any(map(self._live.is_stem, _inner(folder, verdict))):
            self._count(MADE_OF_LIVE)
        else:
            return False
        return True

    def _made_of_named(self, wanted: Mapping[str, str], listing: Listing) -> set[str]:
        """
        Return the files that are made of one that only a text names: in a judged folder or anywhere else.

        Asked is only for files of whose name some wanted file has one in its own.
        """
        if not wanted:
            return set()
        texts = "\n".join(plain(path.rpartition("/")[2]) for path in wanted)
        beginnings = {texts[start : start + SHORT] for start in range(len(texts) - SHORT + 1)}
        originals = [
            f"{folder}/{name}" if folder else name
            for folder, names in listing()
            for name in names
            if (stem := stem_of(name))[:SHORT] in beginnings and len(stem) >= SHORT and stem in texts
        ]
        asked = [one for one in originals if one not in wanted and not self._live.names(one)]
        live = LiveNames()
        for original in self._named(asked) if asked else ():
            live.add_elsewhere(original)
        return {path for path in wanted if live.made_of_live(path)}

    def _look_beside(self, wanted: dict[str, str], *, beside: Mapping[str, list[str]]) -> None:
        """Keep what pages and playlists in the same folder, or in one above, name."""
        for folder in {folder for folder in wanted.values() if folder in beside}:
            names = beside[folder]
            here = [path for path, inside in wanted.items() if inside == folder]
            found = names_siblings(folder, names, read=self._read)
            if found.playlist:
                self._left_alone[folder] = f"{found.playlist} there names other files"
                for path in here:
                    del wanted[path]
                continue
            named = [path for path in here if path.rpartition("/")[2] in found.named]
            self._keep(wanted, "named by a file beside it", named)

    def _leave_to_others(
        self,
        wanted: dict[str, str],
        *,
        verdicts: Mapping[str, Judged],
        live_in: Mapping[str, int],
    ) -> None:
        """Leave folders alone that only rows speak for, when most of what lies there has no row."""
        counts: dict[str, int] = {}
        for folder in wanted.values():
            counts[folder] = counts.get(folder, 0) + 1
        for folder, orphans in counts.items():
            if verdicts[folder].by_rows and orphans >= live_in[folder] and live_in[folder] < ROWS_ENOUGH:
                self._left_alone[folder] = "few of its files have rows, so code may write there"
        for path in [path for path, folder in wanted.items() if folder in self._left_alone]:
            del wanted[path]

    def _keep(self, wanted: dict[str, str], reason: str, files: Iterable[str]) -> None:
        for path in files:
            if wanted.pop(path, None) is not None:
                self._count(reason)

    def _count(self, reason: str) -> None:
        self._kept[reason] = self._kept.get(reason, 0) + 1


def _inner(folder: str, verdict: Judged) -> list[str]:
    """Return the folders below the base that no ``upload_to`` explains: they may be called as a file is."""
    if not verdict.open:
        return []
    return folder[len(verdict.base) :].strip("/").split("/") if folder != verdict.base else []
