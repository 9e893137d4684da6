"""What runs keep for later or have left behind, outside of what anybody else counts."""

import datetime as dt
import os
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from actions.images.journal import CHANGED, ImageJournal, RunMap
from actions.ledger.progress_mark import FOLDER as PROGRESS
from actions.media.quarantine import Quarantine
from storekeeper.config import Config
from storekeeper.errors import UnsafePath
from storekeeper.files import Tree
from storekeeper.files.atomic import PARTIAL_SUFFIX
from storekeeper.files.tree import TRASH

# A map is of use for the way back as long as the files lie somewhere; a mark as long as its run goes on.
MAPS_KEPT: Final = dt.timedelta(days=90)
MARKS_KEPT: Final = dt.timedelta(days=30)
# Younger ones may be at work.
AT_WORK: Final = dt.timedelta(hours=1)


@dataclass(frozen=True, kw_only=True)
class Leftover:
    """
    Files of one kind in one place; ``oldest`` in seconds since 1970.

    ``stray`` tells that nothing will ever come back for them, so that a person should look.
    """

    kind: str
    place: Path
    files: int
    size_bytes: int
    oldest: float
    stray: bool


def find_leftovers(config: Config, *, now: dt.datetime) -> list[Leftover]:
    """Look through the roots, the backups and the state folder; what cannot be read is passed over."""
    young = (now - AT_WORK).timestamp()
    trashes = [root / TRASH for root in _roots(config)]
    quarantined = [run for area in config.areas for run in Quarantine(config, area=area).runs()]
    partial = [path for path in _files_in(config.backups.path) if path.name.endswith(PARTIAL_SUFFIX)]
    maps = [run.path for run in ImageJournal(config).runs()]
    journals = list(config.state.glob("*.journal")) if config.state.is_dir() else []
    found = [
        *(_counted("trash", path, _files_in(path), stray=True, before=young) for path in trashes),
        *(_counted("quarantine", run.folder, _files_below(run.folder), stray=False) for run in quarantined),
        _counted("partial backup", config.backups.path, partial, stray=True, before=young),
        _counted("image maps", config.state / "optimize_images", maps, stray=False),
        _counted("unfinished removal", config.state, journals, stray=True, before=young),
    ]
    return [one for one in found if one is not None]


def finish_removals(config: Config) -> None:
    """
    Remove what killed runs had taken to remove; a root that cannot be used is passed over.

    A removal at work in the same root is not disturbed: it removes the same files, or finds them gone.
    """
    for root in _roots(config):
        with suppress(OSError, UnsafePath), Tree(root) as tree:
            tree.finish_removals()


def prune_state(config: Config, *, now: dt.datetime) -> int:
    """
    Remove the maps and marks of runs that ended long ago; give the number of files that went.

    A map stays while it is open what its run did, and while a file that it has made is still there: by the
    map such a file is known, and not encoded once more.
    """
    gone = 0
    for run in ImageJournal(config).runs():
        if _is_older(run.path, now - MAPS_KEPT) and not _is_needed(run):
            run.path.unlink(missing_ok=True)
            gone += 1
    for mark in _files_in(config.state / PROGRESS):
        if _is_older(mark, now - MARKS_KEPT):
            mark.unlink(missing_ok=True)
            gone += 1
    return gone


def _roots(config: Config) -> list[Path]:
    """Give the folders that actions remove files in."""
    return list(dict.fromkeys([*(area.path for area in config.areas.values()), config.backups.path]))


def _is_needed(run: RunMap) -> bool:
    root, exchanges = run.read()
    return any(
        exchange.unfinished or (exchange.state == CHANGED and (Path(root) / exchange.new).is_file())
        for exchange in exchanges
    )


def _is_older(path: Path, moment: dt.datetime) -> bool:
    with suppress(OSError):
        return path.lstat().st_mtime < moment.timestamp()
    return False


def _counted(
    kind: str, place: Path, paths: Iterator[Path] | list[Path], *, stray: bool, before: float = float("inf")
) -> Leftover | None:
    statuses = []
    for path in paths:
        with suppress(OSError):
            statuses.append(path.lstat())
    statuses = [status for status in statuses if status.st_mtime < before]
    if not statuses:
        return None
    return Leftover(
        kind=kind,
        place=place,
        files=len(statuses),
        size_bytes=sum(status.st_size for status in statuses),
        oldest=min(status.st_mtime for status in statuses),
        stray=stray,
    )


def _files_in(folder: Path) -> Iterator[Path]:
    with suppress(OSError), os.scandir(folder) as entries:
        yield from [Path(entry.path) for entry in entries if entry.is_file(follow_symlinks=False)]


def _files_below(folder: Path) -> Iterator[Path]:
    for parent, _, names in os.walk(folder):
        yield from (Path(parent, name) for name in names)
