"""Find the logs of the logs areas that are due, and the archives that are past their time; touch nothing."""

import datetime as dt
import os
import re
import stat
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from actions.action import Context
from actions.logs.cut import ASIDE_SUFFIX
from actions.logs.days import read_days
from actions.logs.folder import LogFolder
from actions.logs.journal import log_of_journal
from actions.logs.period import (
    LOG_SUFFIX,
    Kind,
    Period,
    archive_name,
    choose_period,
    is_expired,
    parse_archive_name,
    parse_dated_log_name,
)
from actions.logs.plan import LeftLog, LogPlan, PlannedLog, Way
from storekeeper.config import Config
from storekeeper.errors import StorekeeperError, UnsafePath
from storekeeper.files import FoundFile, Tree
from storekeeper.units import Age, format_size

AREA_PREFIX: Final = "logs"
# security.log.1 of RotatingFileHandler, django.log.2025-11-30_23 of TimedRotatingFileHandler.
_HANDLER_FILE: Final = re.compile(r"(?P<log>.+\.log)\.(?P<mark>\d[\d_-]*)", re.DOTALL | re.ASCII)
_NEWLY: Final = ("WatchedFileHandler",)


@dataclass(frozen=True, kw_only=True)
class Wishes:
    """What is asked for: also logs over a size, all of them ``at_once``, how long archives stay."""

    over_bytes: int | None
    at_once: bool
    keep: Age


@dataclass(kw_only=True)
class _Found:
    logs: list[PlannedLog] = field(default_factory=list)
    left: list[LeftLog] = field(default_factory=list)
    expired: list[tuple[str, FoundFile]] = field(default_factory=list)
    unfinished: list[tuple[str, str]] = field(default_factory=list)
    archives: dict[tuple[str, str], float] = field(default_factory=dict)
    """Folder and log → when its newest archive was written."""
    archive_count: int = 0
    inodes: set[tuple[int, int]] = field(default_factory=set)


def log_areas(config: Config) -> Mapping[str, Path]:
    """Give name → path of the areas that hold logs: those whose names begin with ``logs``."""
    return {name: area.path for name, area in config.areas.items() if name.startswith(AREA_PREFIX)}


def search_logs(context: Context, *, wishes: Wishes) -> LogPlan:
    """Make the plan; raises UnsafePath where an area cannot be read."""
    handlers, notes = _handlers(context)
    found = _Found()
    now = context.now()
    for area, path in log_areas(context.config).items():
        if not path.is_dir():
            notes.append(f"{area}: there is no folder {path}")
            continue
        with Tree(path) as tree:
            search = _AreaSearch(area, tree=tree, handlers=handlers, found=found, now=now, wishes=wishes)
            search.run(kind=context.config.logs.rotate)
    return LogPlan(
        logs=tuple(sorted(found.logs, key=_order)),
        left=tuple(found.left),
        expired=tuple(found.expired),
        archives=found.archive_count,
        unfinished=tuple(dict.fromkeys(found.unfinished)),
        notes=tuple(notes),
    )


def _handlers(context: Context) -> tuple[dict[Path, str], list[str]]:
    try:
        description = context.shop.describe()
    except StorekeeperError as error:
        # Cutting in place is right for every handler, so a broken shop is no reason to let its logs grow.
        return {}, [f"the shop's LOGGING could not be read ({error.message}); all logs are cut in place"]
    return {
        Path(os.path.realpath(log.path.parent), log.path.name): log.handler for log in description.log_files
    }, []


def _order(log: PlannedLog) -> tuple[object, ...]:
    """Oldest lines of each log first: what was put aside, numbered files from the highest, the log."""
    match = _HANDLER_FILE.fullmatch(log.name.removesuffix(ASIDE_SUFFIX))
    mark = match["mark"] if match else ""
    rank = {Way.WAITING: 0, Way.HANDLER_FILE: 1}.get(log.way, 2)
    return (log.area, log.folder, log.log, rank, -int(mark) if mark.isdigit() else 0, mark)


class _AreaSearch:
    def __init__(
        self,
        area: str,
        *,
        tree: Tree,
        handlers: Mapping[Path, str],
        found: _Found,
        now: dt.datetime,
        wishes: Wishes,
    ) -> None:
        self._area = area
        self._tree = tree
        self._handlers = handlers
        self._found = found
        self._now = now
        self._wishes = wishes

    def run(self, *, kind: Kind) -> None:
        today = self._now.date()
        self._period = Period.of(today, kind=kind)
        files = sorted(self._tree.walk(), key=lambda file: file.name)
        logs = []
        for file in files:
            folder, _, name = file.name.rpartition("/")
            if archive := parse_archive_name(name):
                self._found.archive_count += 1
                key = self._key(folder, archive[0])
                self._found.archives[key] = max(self._found.archives.get(key, 0), file.modified)
                if is_expired(archive[1], keep=self._wishes.keep, today=today):
                    self._found.expired.append((self._area, file))
            elif log_of_journal(name):
                self._found.unfinished.append((self._area, folder))
            else:
                logs.append((folder, name, file))
        for folder, name, file in logs:
            if (file.device, file.inode) not in self._found.inodes:
                self._found.inodes.add((file.device, file.inode))
                self._take(folder, name, file)
        for folder in dict.fromkeys(["", *(folder for folder, _, _ in logs)]):
            for name in self._links(folder):
                self._leave(f"{folder}/{name}" if folder else name, "a symbolic link is never followed")

    def _take(self, folder: str, name: str, file: FoundFile) -> None:
        plain = name.removesuffix(ASIDE_SUFFIX)
        handler_file = _HANDLER_FILE.fullmatch(plain)
        log = handler_file["log"] if handler_file else plain
        handler = self._handlers.get(self._tree.root / folder / log, "").rpartition(".")[2]
        rotating = "Rotating" in handler
        if not log.endswith(LOG_SUFFIX) or name.startswith("."):
            return
        if plain != name:
            way = Way.WAITING
        elif handler_file and rotating:
            way = Way.HANDLER_FILE
        elif handler_file:
            # Some other program's rotation has made it.
            return
        else:
            way = Way.RENAME if handler in _NEWLY else Way.IN_PLACE
        if file.size_bytes == 0 and way is not Way.WAITING:
            return
        if parse_dated_log_name(name):
            self._leave(file.name, "its name says that it was put away by hand")
            return
        if file.links > 1:
            self._leave(file.name, f"it has {file.links} names (hard links)")
            return
        self._decide(folder, name, file, log=log, way=way, rotating=rotating)

    def _decide(self, folder: str, name: str, file: FoundFile, *, log: str, way: Way, rotating: bool) -> None:
        try:
            with self._tree.open(file.name) as stream:
                days = read_days(stream, zone=self._now.tzinfo)
        except FileNotFoundError:
            return
        except OSError as error:
            self._leave(file.name, f"it cannot be read: {error.strerror}")
            return
        why = self._why(folder, log, file, oldest=days.oldest)
        if way is Way.WAITING:
            why = "put aside by an earlier run"
        if not why:
            self._leave(file.name, f"it is not due: its lines are of {self._period}")
            return
        period = choose_period(oldest=days.oldest, newest=days.newest, kind=self._period.kind)
        self._found.logs.append(
            PlannedLog(
                area=self._area,
                folder=folder,
                name=name,
                log=log,
                way=way,
                file=file,
                archive=archive_name(log, period=period),
                why=why,
                rotating_handler=rotating,
            )
        )

    def _why(self, folder: str, log: str, file: FoundFile, *, oldest: dt.date | None) -> str:
        """Give why the log is due, ``""`` when it is not."""
        if self._wishes.at_once:
            return "asked for now"
        if self._wishes.over_bytes is not None and file.size_bytes > self._wishes.over_bytes:
            return f"over {format_size(self._wishes.over_bytes)}"
        if oldest is None:
            # Lines without dates: they are there since the last rotation, or nobody knows since when.
            since = self._found.archives.get(self._key(folder, log), 0)
            oldest = dt.datetime.fromtimestamp(since, tz=self._now.tzinfo).date()
            if oldest < self._period.start:
                return f"its lines have no dates, and none was archived since {self._period.start}"
        return f"it has lines before {self._period.start}" if oldest < self._period.start else ""

    def _links(self, folder: str) -> Iterator[str]:
        with suppress(OSError, UnsafePath), LogFolder(self._tree.root, name=folder) as opened:
            for name in opened.entries():
                status = opened.status(name) if name.endswith(LOG_SUFFIX) else None
                if status is not None and stat.S_ISLNK(status.st_mode):
                    yield name

    def _key(self, folder: str, log: str) -> tuple[str, str]:
        return (f"{self._tree.root}/{folder}", log)

    def _leave(self, name: str, why: str) -> None:
        self._found.left.append(LeftLog(area=self._area, name=name, why=why))
