"""The comparisons of all areas, made anew only where files, rows or the time have changed something."""

import datetime as dt
import threading
import time
from collections.abc import Callable, Collection, Hashable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from exporter.comparison import AreaComparison, AreaFiles, FindOrphans
from exporter.file_counts import FilesUsage
from exporter.file_kinds import FileKinds
from exporter.named_files import moment_for
from exporter.references import AreaReferences, area_references
from exporter.row_versions import database_version, tables_version
from exporter.unnamed import UnnamedFiles
from storekeeper.config import Config, QrCodes
from storekeeper.databases import DatabaseAddress
from storekeeper.files import Tree
from storekeeper.measure.live_names import read_live_names
from storekeeper.measure.names_in_databases import find_names
from storekeeper.measure.orphans import FoundOrphans, Listing, OrphanFinder
from storekeeper.measure.own_code import names_in_code
from storekeeper.measure.passed_files import passed_files, small_text
from storekeeper.measure.scanner import Budget, TreeState
from storekeeper.measure.scanner.pacing import Pacer
from storekeeper.measure.shop_databases import shop_databases
from storekeeper.measure.walks import AreaWalk
from storekeeper.replaced_images import replaced_images
from storekeeper.shop import ShopDescription
from storekeeper.shop.uploads import Uploads

# However sure we are that nothing has changed, the rows are read again after this long.
LONGEST_SECONDS: Final = 3600.0


@dataclass(frozen=True, kw_only=True)
class _Remembered:
    """A result, and all that it depends on."""

    files: AreaFiles
    state: TreeState | None
    references: AreaReferences
    replaced: frozenset[str]
    version: Hashable
    read_at: float


class Comparisons:
    """
    Called for the present counts of all areas; remembers those before.

    ``description`` gives what the shop says of itself, ``walks`` the walk of each area; ``budget`` counts
    rows as well as files. Raises DatabaseUnavailable, ConfigurationError, ShopError and ScanError.
    """

    def __init__(
        self,
        config: Config,
        *,
        description: Callable[[], ShopDescription],
        walks: Mapping[str, AreaWalk],
        clock: Callable[[], float] = time.time,
        budget: Budget | None = None,
        cancelled: threading.Event | None = None,
    ) -> None:
        self._config = config
        self._description = description
        self._walks = walks
        self._clock = clock
        self._budget = budget
        self._cancelled = cancelled
        self._remembered: dict[str, _Remembered] = {}
        self._unnamed, self._unnamed_originals = (
            {name: UnnamedFiles(self._named, version=self._version_of_everything) for name in config.areas}
            for _ in range(2)
        )

    def __call__(self) -> FilesUsage:
        """Compare the files of each area that uploads or QR codes are in with the rows that name them."""
        description = self._description()
        found = {}
        for name, area in self._config.areas.items():
            kinds = {kind: code for kind, code in self._config.qr_codes.items() if code.area == name}
            references = area_references(area, name=name, config=self._config, description=description)
            if references.uploads or kinds:
                found[name] = self._compare(name, references=references, kinds=kinds, description=description)
        return FilesUsage(
            orphans={name: files.orphans for name, files in found.items() if files.orphans is not None},
            codes={label: count for files in found.values() for label, count in files.codes.items()},
            replaced={name: files.replaced for name, files in found.items() if files.orphans is not None},
        )

    def _compare(
        self,
        name: str,
        *,
        references: AreaReferences,
        kinds: Mapping[str, QrCodes],
        description: ShopDescription,
    ) -> AreaFiles:
        """Give the counts of one area: the files first, then the version of the rows, then the rows."""
        usage = self._walks[name].fresh()
        state = usage.state if usage is not None else None
        now = self._clock()
        moment = dt.datetime.fromtimestamp(now, tz=dt.UTC)
        kept_since = {kind: code.keep.before(moment).timestamp() for kind, code in kinds.items()}
        version = rows_version(references, clock=self._clock)
        replaced = replaced_images(self._config.state, root=self._config.areas[name].path)
        before = self._remembered.get(name)
        if (
            before is not None
            and version is not None
            and (before.version, before.references, before.replaced) == (version, references, replaced)
            and same_files(before.state, state)
            and time.monotonic() - before.read_at < LONGEST_SECONDS
            and not is_over(before.files, kept_since=kept_since, now=now, description=description)
            and (not before.files.searched or self._unnamed[name].holds())
        ):
            return before.files
        files = AreaComparison(
            references,
            kinds=FileKinds(self._config.areas[name], kinds=kinds),
            kept_since=kept_since,
            description=description,
            unnamed=self._unnamed[name],
            unnamed_originals=self._unnamed_originals[name],
            find_orphans=self._finder(name, references.uploads, replaced=replaced, description=description),
            now=now,
            replaced=replaced,
            pace=self._pacer(),
        ).result(state)
        self._remembered[name] = _Remembered(
            files=files,
            state=state,
            references=references,
            replaced=replaced,
            version=version,
            read_at=time.monotonic(),
        )
        return files

    def _finder(
        self,
        name: str,
        uploads: Uploads | None,
        *,
        replaced: frozenset[str],
        description: ShopDescription,
    ) -> FindOrphans | None:
        """Return what finds the orphans of an area, as its cleanup does; None where none may be judged."""
        if uploads is None:
            return None
        area = self._config.areas[name]
        passed = passed_files(self._config, area=name)

        def find(listing: Listing, named: Callable[[Collection[str]], Collection[str]]) -> FoundOrphans:
            with Tree(area.path) as tree:
                return OrphanFinder(
                    uploads=uploads,
                    live=read_live_names(area.path, config=self._config, description=description),
                    named=named,
                    in_code=lambda files: names_in_code(files, config=self._config, description=description),
                    read=lambda file: small_text(tree, file),
                    passed=passed,
                    replaced=replaced,
                ).find(listing)

        return find

    def _named(self, files: Collection[str]) -> Collection[str]:
        """Give those of the files that anything in any database names."""
        found = find_names(files, config=self._config, description=self._description(), pace=self._pacer())
        return found.places.keys()

    def _version_of_everything(self) -> Hashable:
        versions = [
            database_version(database.address, clock=self._clock)
            for database in shop_databases(self._config, description=self._description())
        ]
        return None if None in versions else tuple(versions)

    def _pacer(self) -> Pacer:
        return Pacer(self._budget, cancelled=self._cancelled)


def rows_version(references: AreaReferences, *, clock: Callable[[], float]) -> Hashable:
    """Give the version of all rows that may name files, None where it cannot be told of some."""
    addresses: dict[str, DatabaseAddress] = {}
    tables: dict[str, set[str]] = {}
    for reference in references.references:
        addresses[reference.address.name] = reference.address
        tables.setdefault(reference.address.name, set()).add(reference.column.table)
    versions: list[Hashable] = []
    for alias, address in addresses.items():
        version = tables_version(address, tables=tables[alias], clock=clock)
        if version is None:
            return None
        versions.append((alias, version))
    return tuple(versions)


def same_files(one: TreeState | None, other: TreeState | None) -> bool:
    """Tell whether two walks found the same files, of the same sizes and times."""
    if one is None or other is None or one is other:
        return one is other
    return one.paths == other.paths and one.listings == other.listings


def is_over(
    files: AreaFiles, *, kept_since: Mapping[str, float], now: float, description: ShopDescription
) -> bool:
    """Tell whether the time alone has made another result of it: a row expired, a file became old."""
    if any(kept_since[kind] > youngest for kind, youngest in files.youngest.items()):
        return True
    for reference, expiry in files.expiries:
        moment: Any = moment_for(reference.address.engine, now=now, description=description)
        if moment >= expiry:
            return True
    return False
