"""Find the logs of the logs areas that are due, and the archives that are past their time; touch nothing."""

import datetime as dt
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Final

from actions.action import Context
from actions.logs.archive import is_partial_name, marks_of_ours
from actions.logs.earlier import Spans, archives_of_earlier_runs, was_made
from actions.logs.handlers import ShopLogs, ask_for_logs, split_mark
from actions.logs.journal import log_of_journal
from actions.logs.plan import LeftLog, LogPlan, PlannedLog, Way
from storekeeper.config import Config
from storekeeper.files import FoundFile, Tree
from storekeeper.files.reasons import ANOTHER_FILESYSTEM, LINK, VANISHED
from storekeeper.measure.log_periods import AHEAD, Period, choose_period, is_expired, parse_archive_name
from storekeeper.measure.log_records import last_of_months
from storekeeper.measure.log_rotations import LogRotations
from storekeeper.measure.logs import ASIDE_SUFFIX, PACKED, LogNames, read_ages, why_kept
from storekeeper.units import Age, format_size

AREA_PREFIX: Final = "logs"
_NEWLY: Final = ("WatchedFileHandler",)
_NOT_OURS: Final = (
    "past its time, but not known to be made by storekeeper; remove it by hand if nobody needs it"
)
_NO_LOG: Final = "its name is none of a log"
_MOST_OTHERS: Final = 100
_MOST_LATER: Final = 100


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
    empties: list[tuple[str, FoundFile]] = field(default_factory=list)
    others: list[LeftLog] = field(default_factory=list)
    archive_count: int = 0
    inodes: set[tuple[int, int]] = field(default_factory=set)
    later: set[int] = field(default_factory=set)
    """Moments that lie ahead of the clock, in seconds since 1970."""


def log_areas(config: Config) -> Mapping[str, Path]:
    """Return name → path of the areas that hold logs: those whose names begin with ``logs``."""
    return {name: area.path for name, area in config.areas.items() if name.startswith(AREA_PREFIX)}


def search_logs(context: Context, *, wishes: Wishes) -> LogPlan:
    """Make the plan; raises UnsafePath where an area cannot be read."""
    shop = ask_for_logs(context)
    notes = list(shop.notes)
    found = _Found()
    areas = log_areas(context.config)
    for area, path in areas.items():
        if not path.is_dir():
            notes.append(f"{area}: there is no folder {path}")
            continue
        with Tree(path) as tree:
            _AreaSearch(area, tree=tree, shop=shop, found=found, context=context, wishes=wishes).run()
    _leave_those_outside(shop, areas=areas, found=found)
    if foreign := sum(left.why == _NOT_OURS for left in found.left):
        notes.append(f"{foreign} archives past their time stay: they are not known to be made by storekeeper")
    if len(found.others) > _MOST_OTHERS:
        notes.append(f"{len(found.others) - _MOST_OTHERS} more files beside the logs are not rotated")
    return LogPlan(
        logs=tuple(sorted(found.logs, key=_order)),
        left=(*found.left, *found.others[:_MOST_OTHERS]),
        expired=tuple(found.expired),
        archives=found.archive_count,
        unfinished=tuple(dict.fromkeys(found.unfinished)),
        empties=tuple(found.empties),
        later=tuple(last_of_months(found.later)[:_MOST_LATER]),
        notes=tuple(notes),
    )


def _leave_those_outside(shop: ShopLogs, *, areas: Mapping[str, Path], found: _Found) -> None:
    roots = [Path(os.path.realpath(path)) for path in areas.values()]
    for path in sorted(shop.handlers):
        if path.is_file() and not any(root in path.parents for root in roots):
            found.left.append(
                LeftLog(
                    area="",
                    name=str(path),
                    why="the shop's LOGGING writes it outside the areas of logs;"
                    f" to include it, add an area such as logs_more: {{path: {path.parent}}}",
                )
            )


def _writes_in(folder: Path) -> list[float]:
    """Return when the files of a folder were last written."""
    try:
        with os.scandir(folder) as entries:
            return [entry.stat(follow_symlinks=False).st_mtime for entry in entries]
    except OSError:
        return []


def _order(log: PlannedLog) -> tuple[object, ...]:
    """Oldest lines of each log first: what was put aside, numbered files from the highest, the log."""
    plain = log.name.removesuffix(ASIDE_SUFFIX)
    mark = split_mark(plain)[1] if plain != log.log else ""
    rank = {Way.WAITING: 0, Way.HANDLER_FILE: 1}.get(log.way, 2)
    return (log.area, log.folder, log.log, rank, -int(mark) if mark.isdigit() else 0, mark)


class _AreaSearch:
    def __init__(
        self,
        area: str,
        *,
        tree: Tree,
        shop: ShopLogs,
        found: _Found,
        context: Context,
        wishes: Wishes,
    ) -> None:
        self._area = area
        self._tree = tree
        self._shop = shop
        self._found = found
        self._config = context.config
        self._now = context.now()
        self._wishes = wishes
        self._names = LogNames(include=context.config.logs.include)

    def run(self) -> None:
        files = sorted(self._tree.walk(passed_over=self._pass_over), key=lambda file: file.name)
        self._rotations = LogRotations(self._config, area=self._area, files=files, now=self._now)
        self._note_later(*self._rotations.runs, *_writes_in(self._config.state))
        for file in files:
            folder, _, name = file.name.rpartition("/")
            self._note_later(file.modified)
            if archive := parse_archive_name(name):
                self._found.archive_count += 1
                self._expire(file, period=archive[1])
            elif log_of_journal(name):
                self._found.unfinished.append((self._area, folder))
            elif (file.device, file.inode) not in self._found.inodes and not is_partial_name(name):
                self._found.inodes.add((file.device, file.inode))
                self._take(folder, name, file)

    def _note_later(self, *moments: float) -> None:
        """Keep moments that seem to lie ahead: perhaps the clock is behind."""
        ahead = (self._now + AHEAD).timestamp()
        self._found.later.update(int(moment) + 1 for moment in moments if moment > ahead)

    @cached_property
    def _earlier(self) -> Spans:
        return archives_of_earlier_runs(self._config)

    def _expire(self, file: FoundFile, *, period: Period) -> None:
        written = dt.datetime.fromtimestamp(file.modified, tz=dt.UTC)
        if not is_expired(period, written=written, keep=self._wishes.keep, now=self._now):
            return
        archive = f"{self._area}/{file.name}"
        try:
            with self._tree.open(file.name) as stream:
                marks = marks_of_ours(
                    stream, size_bytes=file.size_bytes, shop=self._config.shop, archive=archive
                )
        except OSError as error:
            self._leave(file.name, f"it cannot be read: {error.strerror}")
            return
        if marks is None and not was_made(archive, spans=self._earlier, modified=file.modified):
            self._leave(file.name, _NOT_OURS)
            return
        later = [
            dt.datetime.fromtimestamp(moment, tz=dt.UTC) for mark in marks or () for moment in mark.later
        ]
        runs = [dt.datetime.fromtimestamp(moment, tz=dt.UTC) for moment in self._rotations.runs]
        if is_expired(period, written=written, later=later, runs=runs, keep=self._wishes.keep, now=self._now):
            self._found.expired.append((self._area, file))

    def _take(self, folder: str, name: str, file: FoundFile) -> None:
        plain = name.removesuffix(ASIDE_SUFFIX)
        log = self._shop.log_of(self._tree.root / folder, name)
        path = self._tree.root / folder / log
        if not self._is_log(folder, log):
            self._leave_beside(file)
            return
        if plain != name:
            way = Way.WAITING
        elif log != plain:
            way = Way.HANDLER_FILE
        else:
            way = Way.RENAME if self._shop.handler(path) in _NEWLY else Way.IN_PLACE
        if file.size_bytes == 0 and way is not Way.WAITING:
            if way is Way.HANDLER_FILE:
                self._found.empties.append((self._area, file))
            return
        if why := why_kept(name, links=file.links):
            self._leave(file.name, why)
            return
        self._decide(folder, name, file, log=log, way=way, rotating=self._shop.is_rotating(path))

    def _is_log(self, folder: str, name: str) -> bool:
        return self._names.is_log(f"{folder}/{name}" if folder else name)

    def _decide(self, folder: str, name: str, file: FoundFile, *, log: str, way: Way, rotating: bool) -> None:
        try:
            with self._tree.open(file.name) as stream:
                ages = read_ages(stream, zone=self._shop.zone, now=self._now)
        except FileNotFoundError:
            return
        except OSError as error:
            self._leave(
                file.name,
                f"it cannot be read ({error.strerror}); run storekeeper as the user whose file it is",
            )
            return
        self._note_later(*(stamp.timestamp() for stamp in ages.ahead))
        found = self._rotations.due(file, log=f"{folder}/{log}" if folder else log, ages=ages)
        why = self._wished(file) or (found.why if found else "")
        if way is Way.WAITING:
            why = "put aside by an earlier run"
        if not why:
            handled = self._rotations.handled_before(file)
            why = f"it is not due: its lines are of {self._rotations.period}"
            if handled is not None and handled.why:
                why = f"it was rotated in {self._rotations.period}: {handled.why}"
            self._leave(file.name, why)
            return
        self._found.logs.append(
            PlannedLog(
                area=self._area,
                folder=folder,
                name=name,
                log=log,
                way=way,
                file=file,
                period=choose_period(
                    oldest=self._rotations.oldest_day(log=f"{folder}/{log}" if folder else log, ages=ages),
                    newest=ages.newest.date(),
                    kind=self._rotations.period.kind,
                ),
                why=why,
                rotating_handler=rotating,
            )
        )

    def _wished(self, file: FoundFile) -> str:
        if self._wishes.at_once:
            return "asked for now"
        if self._wishes.over_bytes is not None and file.size_bytes > self._wishes.over_bytes:
            return f"over {format_size(self._wishes.over_bytes)}"
        return ""

    def _pass_over(self, name: str, why: str) -> None:
        if why == LINK and self._names.is_log(name):
            target = os.path.realpath(self._tree.root / name)
            self._leave(
                name,
                "a symbolic link is never followed; to include what it leads to, add an area such as"
                f" logs_more: {{path: {os.path.dirname(target)}}}",  # noqa: PTH120
            )
        elif why == ANOTHER_FILESYSTEM:
            path = self._tree.root / name
            self._leave(name, f"{why}; to include it, add an area such as logs_more: {{path: {path}}}")
        elif why not in (LINK, VANISHED):
            self._leave(name, why)

    def _leave_beside(self, file: FoundFile) -> None:
        name = file.name.rpartition("/")[2]
        if name.startswith(".") or not file.size_bytes:
            return
        log, mark = split_mark(name)
        if name.endswith(PACKED):
            why = "packed by another program; storekeeper neither rotates nor removes it"
        else:
            why = "put away by another program's rotation" if mark and self._names.is_log(log) else _NO_LOG
            why += f'; to include it, write logs: {{include: ["{name}"]}} in storekeeper.yml'
        self._found.others.append(LeftLog(area=self._area, name=file.name, why=why))

    def _leave(self, name: str, why: str) -> None:
        self._found.left.append(LeftLog(area=self._area, name=name, why=why))
