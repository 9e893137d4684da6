"""
Remove QR code images that nobody can use any more, with their rows.

Which images go, for ``days`` (without it, for the ``keep`` of each kind in the config):

* *expired*: the database says that the code expired more than ``days`` ago. The age of the file does not
  count. With ``--force`` a code that has not expired goes too (*unexpired*) when its file is that old.
* *old*: of a kind without rows (tracking codes), the file was last changed more than ``days`` ago.
* *orphaned*: the name fits a kind that has rows, but nothing names it, it is not made of a file that is
  named, and its folder is one of uploads (``storekeeper.measure.judge``). The file was last changed more than
  ``days`` ago, and nothing at all happened to it for 24 hours: an upload is on the disk before its row is,
  and a file that was copied in keeps an old time of change, but not an old ctime. It goes into the area's
  quarantine: ``cleanup_orphaned_media`` brings it back when something names it again, and purges it later.

For the first two the grace period is ``days`` itself, counted from the expiry or from the last change.
Never goes a file that anything else in the shop's databases names, in whatever column, table and spelling:
of a row that goes, only the field with its image does not count. Nor goes a default image, a link, or
anything outside the area. What cannot be asked whole (a table that cannot be read) stops the run.

The row goes first (``row: delete``, or ``row: clear`` to empty its field) and is committed, then the file.
What is between the two is in a journal: the next run finishes what a killed run has left behind.
"""

import datetime as dt
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path

from pydantic import Field

from actions.action import Context, Outcome, Progress
from actions.media.qr_code_plan import PlannedRow, QrCodePlan, Reason
from actions.media.qr_code_search import QrCodeSearch, question
from actions.media.quarantine import Quarantine
from actions.media.references import named_files
from actions.media.removal_journal import RemovalJournal
from actions.media.wanted import wanted_files
from actions.stuck import Stuck
from storekeeper.config import Config
from storekeeper.config.fields import Model
from storekeeper.errors import OverBudget
from storekeeper.files import FoundFile, Tree
from storekeeper.files.reasons import ONE_FILES_FAULT
from storekeeper.shop.shop import Conversation
from storekeeper.units import format_size

NAME = "cleanup_expired_qr_codes"

# Rows that lose their files together: each round asks every table once which of the files are still named.
ROUND_ROWS = 50_000
REPORT_FILES = 100


class CleanupExpiredQrCodesOptions(Model):
    """What a person may choose."""

    days: int | None = Field(
        default=None,
        ge=0,
        le=36_500,
        description="Remove what expired more than this many days ago (default: the config's keep, 7 days).",
    )
    force: bool = Field(
        default=False,
        description="Take codes that have not expired, by the age of the file; lift the budget.",
    )


class CleanupExpiredQrCodes:
    """The action; see the module's description for its rules."""

    name = NAME
    summary = "Remove expired payment QR codes with their rows, old tracking codes and orphaned QR files."
    Options: type[Model] = CleanupExpiredQrCodesOptions

    def resources(self, config: Config, options: CleanupExpiredQrCodesOptions) -> tuple[str, ...]:
        """
        Give the areas and the databases of the kinds.

        The databases, so that no restore runs meanwhile: a half-loaded table makes every file look orphaned.
        """
        areas = dict.fromkeys(kind.area for kind in config.qr_codes.values())
        return (*areas, *(f"database-{name}" for name in config.databases))

    def plan(self, context: Context, options: CleanupExpiredQrCodesOptions) -> QrCodePlan:
        """Look at files, then rows; raises StorekeeperError when any question fails."""
        now = context.now()
        kinds = context.config.qr_codes
        days = None if options.days is None else dt.timedelta(days=options.days)
        before = {
            name: (now - days if days is not None else kind.keep.before(now)).timestamp()
            for name, kind in kinds.items()
        }
        return QrCodeSearch(
            context, kinds=kinds, before=before, everything=options.force, journal=_journal(context.config)
        ).plan()

    def perform(self, context: Context, options: CleanupExpiredQrCodesOptions, plan: QrCodePlan) -> Outcome:
        """Remove what the plan lists and what is still so; raises OverBudget before anything is removed."""
        if plan.over_budget and not options.force:
            raise OverBudget(
                plan.over_budget, hint="Look at --dry-run first; --force removes them all the same"
            )
        return _Removal(context, options=options, plan=plan).run()


def _journal(config: Config) -> RemovalJournal:
    return RemovalJournal(config.state, name=NAME)


@dataclass(kw_only=True)
class _Done:
    """What a run has done so far."""

    files: int = 0
    size_bytes: int = 0
    rows: int = 0
    quarantined: int = 0
    quarantined_bytes: int = 0
    left_files: int = 0
    left_rows: int = 0


class _Removal:
    def __init__(self, context: Context, *, options: CleanupExpiredQrCodesOptions, plan: QrCodePlan) -> None:
        self._context = context
        self._config = context.config
        self._everything = options.force
        self._plan = plan
        self._journal = _journal(context.config)
        self._done = _Done()
        self._stuck = Stuck()
        self._file_count = plan.file_count

    def run(self) -> Outcome:
        if self._plan.empty:
            self._journal.clear()
            return self._outcome("no QR code was to go")
        # Files first that need no database: on a full disk the database may be unable to write.
        with self._context.shop.talk() as conversation:
            for area, items in groupby(self._plan.files, key=lambda item: item.area):
                files = [item.file for item in items if item.reason is not Reason.ORPHANED]
                self._remove_unnamed(conversation, area=area, files=files)
            self._journal.clear()
            for rows in _rounds(self._plan.rows_to_go):
                if self._context.cancelled():
                    break
                self._round(conversation, rows)
            for area, items in groupby(self._plan.files, key=lambda item: item.area):
                orphans = [item.file for item in items if item.reason is Reason.ORPHANED]
                if orphans and not self._context.cancelled():
                    self._set_aside(conversation, area=area, orphans=orphans)
        text = (
            f"removed {self._done.files} files ({format_size(self._done.size_bytes)})"
            f" and {self._done.rows} rows"
        )
        if self._done.quarantined:
            size = format_size(self._done.quarantined_bytes)
            text += f"; {self._done.quarantined} orphaned files ({size}) went into quarantine"
        return self._outcome(text)

    def _round(self, conversation: Conversation, rows: Sequence[PlannedRow]) -> None:
        first = rows[0]
        kind = self._config.qr_codes[first.kind]
        files = [row.file for row in rows if row.file is not None]
        self._journal.write(self._root(first.area), files)
        self._report()
        changed, stuck_before = 0, self._stuck.count
        for answer in conversation.stream(
            "remove_rows",
            **question(kind, self._plan.before[first.kind], self._everything),
            database=first.database,
            rows=[[row.key, row.name] for row in rows],
        ):
            changed = answer["changed"]
            for key, why in answer["left"].items():
                self._stuck.add(f"{answer['table']} row {key}", why)
            self._report()
        self._done.rows += changed
        # Those that are stuck are told by themselves.
        self._done.left_rows += len(rows) - changed - (self._stuck.count - stuck_before)
        self._remove_unnamed(conversation, area=first.area, files=files)
        self._journal.clear()

    def _remove_unnamed(self, conversation: Conversation, *, area: str, files: Sequence[FoundFile]) -> None:
        """Remove the files that no row names now; what a row of any kind names stays."""
        root = self._root(area)
        named = named_files(
            conversation, config=self._config, root=root, files=[file.name for file in files]
        ).files
        free = sorted((file for file in files if file.name not in named), key=lambda file: file.name)
        self._done.left_files += len(files) - len(free)
        with Tree(root) as tree:
            for file, removed in tree.remove_all(free):
                if removed:
                    self._done.files += 1
                    self._done.size_bytes += file.size_bytes
                elif not self._stuck.add_refused(file, tree=tree):
                    self._done.left_files += 1
                if self._done.files % REPORT_FILES == 0:
                    self._report()

    def _set_aside(self, conversation: Conversation, *, area: str, orphans: Sequence[FoundFile]) -> None:
        """Move codes that no row names into the area's quarantine: only their name speaks against them."""
        root = self._root(area)
        wanted = wanted_files(
            conversation, config=self._config, root=root, files=[file.name for file in orphans]
        )
        free = [file for file in orphans if file.name not in wanted]
        self._done.left_files += len(orphans) - len(free)
        Quarantine(self._config, area=area).set_aside(
            free, now=self._context.now(), attempt=self._moves_aside, cancelled=self._context.cancelled
        )

    def _moves_aside(self, file: FoundFile, move: Callable[[], bool]) -> None:
        try:
            moved = move()
        except FileNotFoundError:
            moved = False
        except OSError as error:
            if error.errno not in ONE_FILES_FAULT:
                raise
            self._stuck.add(file.name, str(error.strerror))
            return
        self._done.quarantined += moved
        self._done.quarantined_bytes += file.size_bytes if moved else 0
        self._done.left_files += not moved

    def _root(self, area: str) -> Path:
        return self._config.areas[area].path.resolve()

    def _report(self) -> None:
        self._context.report(
            Progress(
                done=self._done.files,
                total=self._file_count,
                unit="files",
                freed_bytes=self._done.size_bytes,
            )
        )

    def _outcome(self, text: str) -> Outcome:
        done = self._done
        if done.left_files or done.left_rows:
            text += f"; {done.left_files} files and {done.left_rows} rows changed meanwhile and stay"
        stuck = self._stuck.told()
        return Outcome(
            summary="; ".join([text, *([stuck] if stuck else []), *self._plan.notes]),
            freed_bytes=done.size_bytes,
            changed=done.files + done.rows + done.quarantined,
            details={
                "files": done.files + done.quarantined,
                "quarantined": done.quarantined,
                "rows": done.rows,
                "left_files": done.left_files,
                "left_rows": done.left_rows,
                **self._stuck.details(),
                "counts": self._plan.counts(),
            },
        )


def _rounds(rows: Sequence[PlannedRow]) -> Iterator[list[PlannedRow]]:
    """Give the rows in runs of one kind and one database, at most ROUND_ROWS each."""
    for _, group in groupby(rows, key=lambda row: (row.kind, row.database)):
        part: list[PlannedRow] = []
        for row in group:
            part.append(row)
            if len(part) == ROUND_ROWS:
                yield part
                part = []
        if part:
            yield part
