"""
Archive log files, empty them, and remove archives that are past their time.

Which logs: every ``*.log`` (and what ``logs.include`` names) below an area whose name begins with ``logs``,
when it has lines from before the present month (``logs.rotate``), with ``--over`` also when it is larger,
with ``--now`` in any case. ``django.log`` goes to ``django_2025_11.log.gz`` in the same folder, named after
the month that its lines are of; what comes to a month later is a further gzip member of the same file.

What is removed: archives that bear storekeeper's mark and are past their time (``logs.keep``) by their name
and by their last write. So no line goes that was written within that time, whatever dates it and its
neighbours hold.

How (``cut.py`` has the details): a log is cut in place, as a whole when no process has it open, else in whole
blocks from the front, which loses no line while Django goes on writing. Where the filesystem cannot do that,
a file of WatchedFileHandler is renamed, and archived when its writers have let go of it. Files that a
rotating handler has put away are archived and removed. Only where the system can do none of it it copies and
truncates, and says that lines may be lost. Every archive is unpacked and compared before anything is cut, and
a journal lets the next run finish or undo what a killed one has begun.

Never: a symbolic link, a hard link, a log whose writer does not append, a name that was dated by hand. A file
that a process has open is never removed. What stays, and why, is in the outcome and is noted (``logs.json``):
a log that was rotated as far as it could be is not due again in the same month.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from itertools import groupby
from pathlib import Path
from typing import Annotated, Any, Final

from pydantic import AfterValidator, Field

from actions.action import Context, Outcome, Progress
from actions.budget import beyond_budget
from actions.logs.archive import room_bytes
from actions.logs.cut import remove_empty
from actions.logs.folder import LogFolder
from actions.logs.journal import settle
from actions.logs.plan import LogPlan, PlannedLog
from actions.logs.rotation import FolderRotation, Hooks, Rotated
from actions.logs.search import Wishes, log_areas, search_logs
from storekeeper.config import Config
from storekeeper.config.fields import Model, Size
from storekeeper.errors import OverBudget, StorekeeperError
from storekeeper.files import Tree
from storekeeper.measure.log_records import Handled, note_handled
from storekeeper.units import format_size, parse_age

_NO_RIGHTS: Final = (
    "The log is as it was. Run storekeeper as the user whose file it is, or let it write to the log's folder"
)


def _age_text(text: str) -> str:
    parse_age(text)
    return text


AgeText = Annotated[str, AfterValidator(_age_text)]
"""An age as it was written, so that the options of a run can be kept as they were given."""


class RotateLogsOptions(Model):
    """What a person may choose."""

    now: bool = Field(default=False, description="Rotate every log, also when its month is not over.")
    over: Size | None = Field(default=None, description="Rotate logs larger than this, too, such as 10MB.")
    keep: AgeText | None = Field(
        default=None,
        description="Keep archives this long, such as '1 month' (default: the config's logs.keep).",
    )
    only_old_archives: bool = Field(
        default=False, description="Only remove archives past their time: on a full disk that comes first."
    )


class RotateLogs:
    """
    The action; see the module's description for its rules.

    ``stage`` hears of each step; ``patience_seconds`` is how long a renamed log is waited for;
    ``room`` tells how many bytes of a log fit into its archive in a folder.
    """

    name = "rotate_logs"
    summary = "Archive log files by month, empty them without losing a line, and remove old archives."
    Options: type[Model] = RotateLogsOptions

    def __init__(
        self,
        *,
        stage: Callable[[str], None] = lambda _: None,
        patience_seconds: float = 3.0,
        room: Callable[[LogFolder, str], int] = room_bytes,
    ) -> None:
        self._stage = stage
        self._patience_seconds = patience_seconds
        self._room = room

    def resources(self, config: Config, options: RotateLogsOptions) -> tuple[str, ...]:
        """Give the logs areas."""
        return tuple(log_areas(config))

    def plan(self, context: Context, options: RotateLogsOptions) -> LogPlan:
        """Look at the logs areas; raises UnsafePath where one cannot be opened."""
        wishes = Wishes(
            over_bytes=options.over,
            at_once=options.now,
            keep=parse_age(options.keep) if options.keep else context.config.logs.keep,
        )
        plan = search_logs(context, wishes=wishes)
        return replace(plan, logs=(), unfinished=()) if options.only_old_archives else plan

    def perform(self, context: Context, options: RotateLogsOptions, plan: LogPlan) -> Outcome:
        """
        Remove the old archives, then rotate the planned logs.

        A log that fails keeps all its lines and holds up no other; the first such error is raised when the
        rest is done. Raises OverBudget before anything is changed.
        """
        over = beyond_budget(
            context.config.budget,
            what="log archives",
            files=len(plan.expired),
            size_bytes=0,
            present=lambda: (plan.archives, 0),
        )
        if over:
            raise OverBudget(over, hint="Is the clock right? Remove archives by hand if it is")
        run = _Run(context, plan=plan)
        run.hooks = Hooks(
            shop=context.config.shop,
            later=plan.later,
            packed=run.packed,
            stage=self._stage,
            now=context.now,
            patience_seconds=self._patience_seconds,
            room_bytes=self._room,
        )
        # The archives first: what they leave may be the room that a new one needs.
        run.remove_expired()
        run.remove_empties()
        run.rotate()
        run.note_handled()
        return run.outcome()


@dataclass(kw_only=True)
class _Done:
    rotated: list[tuple[PlannedLog, Rotated]] = field(default_factory=list)
    removed: list[str] = field(default_factory=list)
    removed_bytes: int = 0
    notes: list[str] = field(default_factory=list)
    errors: list[tuple[str, Exception]] = field(default_factory=list)
    packed_bytes: int = 0


class _Run:
    def __init__(self, context: Context, *, plan: LogPlan) -> None:
        self._context = context
        self._plan = plan
        self.hooks = Hooks()
        self._areas = log_areas(context.config)
        self._done = _Done(notes=list(plan.notes))

    def rotate(self) -> None:
        """Rotate folder by folder; what a killed run has left in one is settled first."""
        planned = {
            key: list(logs) for key, logs in groupby(self._plan.logs, key=lambda log: (log.area, log.folder))
        }
        for area, folder in dict.fromkeys([*self._plan.unfinished, *planned]):
            try:
                with LogFolder(self._areas[area], name=folder) as opened:
                    self._rotate_folder(opened, planned.get((area, folder), []))
            except (OSError, StorekeeperError) as error:
                self._done.errors.append((f"{area}/{folder}".rstrip("/"), error))

    def _rotate_folder(self, folder: LogFolder, logs: Iterable[PlannedLog]) -> None:
        folder.lock()
        self._done.notes += settle(folder)
        rotation = FolderRotation(folder, hooks=self.hooks)
        for log in logs:
            if self._context.cancelled():
                return
            try:
                rotated = rotation.rotate(log)
            except (OSError, StorekeeperError) as error:
                self._done.errors.append((log.path, error))
                continue
            self._done.rotated.append((log, rotated))
            if rotated.note:
                self._done.notes.append(f"{log.path}: {rotated.note}")

    def remove_expired(self) -> None:
        """Remove the archives that were past their time when the plan was made, and are still the same."""
        for area, items in groupby(self._plan.expired, key=lambda item: item[0]):
            with Tree(self._areas[area]) as tree:
                for file, removed in tree.remove_all([file for _, file in items]):
                    if removed:
                        self._done.removed.append(file.name)
                        self._done.removed_bytes += file.size_bytes
                    elif (error := tree.refused.get(file.name)) is not None:
                        self._done.notes.append(
                            f"{file.name}: it cannot be removed ({error.strerror}) and stays"
                        )
                    else:
                        self._done.notes.append(f"{file.name}: it has changed meanwhile and stays")

    def remove_empties(self) -> None:
        """Remove the closed files of rotating handlers that hold nothing and that no process has open."""
        for area, file in self._plan.empties:
            name = file.name.rpartition("/")[2]
            try:
                with LogFolder(self._areas[area], name=file.name.rpartition("/")[0]) as folder:
                    folder.lock()
                    remove_empty(folder, name)
            except FileNotFoundError:
                continue
            except (OSError, StorekeeperError) as error:
                self._done.errors.append((file.name, error))

    def note_handled(self) -> None:
        """Note what was rotated as far as it could be, for the next plans and for the exporter."""
        now = self._context.now()
        handled = {
            f"{log.area}/{log.path}": Handled(
                at=now.timestamp(),
                device=one.device,
                inode=one.inode,
                left_bytes=one.left_bytes,
                why=one.note,
            )
            for log, one in self._done.rotated
            if one.left_bytes >= 0
        }
        try:
            note_handled(
                self._context.config.state,
                handled=handled,
                now=now.timestamp(),
                trusted=lambda: not self._context.clock_doubt(),
            )
        except OSError as error:
            self._done.notes.append(f"what was left could not be noted: {error.strerror}")

    def outcome(self) -> Outcome:
        """Tell what was done; raises the first error of a log."""
        done = self._done
        cut = [(log, rotated) for log, rotated in done.rotated if rotated.cut_bytes]
        cut_bytes = sum(rotated.cut_bytes for _, rotated in cut)
        growth = sum(rotated.archive_growth for _, rotated in done.rotated)
        text = (
            f"archived {len(cut)} logs ({format_size(cut_bytes)} packed into {format_size(growth)})"
            f" and removed {len(done.removed)} old archives ({format_size(done.removed_bytes)})"
        )
        if done.errors:
            name, error = done.errors[0]
            hint = _NO_RIGHTS if isinstance(error, PermissionError) else ""
            reason = (
                error
                if isinstance(error, StorekeeperError)
                else StorekeeperError(f"{name}: {error}", hint=hint)
            )
            reason.message = f"{reason.message} ({text}; {len(done.errors)} failed)"
            raise reason
        archives = {self._areas[log.area] / log.folder / name for log, one in cut for name in one.archives}
        return Outcome(
            summary="; ".join([text, *done.notes]),
            freed_bytes=max(0, cut_bytes - growth) + done.removed_bytes,
            changed=len(cut) + len(done.removed),
            created=tuple(sorted(archives)),
            details=self._details(),
        )

    def _details(self) -> dict[str, Any]:
        return {
            "rotated": [
                {
                    "area": log.area,
                    "file": log.path,
                    "archive": str(Path(log.folder, *(rotated.archives or [log.archive()]))),
                    "cut_bytes": rotated.cut_bytes,
                    "way": rotated.way,
                    "left_bytes": max(0, rotated.left_bytes),
                    "note": rotated.note,
                }
                for log, rotated in self._done.rotated
            ],
            "removed": self._done.removed,
            "lines_may_be_lost": [log.path for log, one in self._done.rotated if one.may_have_lost],
            "notes": self._done.notes,
        }

    def packed(self, size_bytes: int) -> None:
        """Hear of bytes that were packed."""
        self._done.packed_bytes += size_bytes
        self._context.report(
            Progress(
                done=self._done.packed_bytes,
                total=max(self._plan.size_bytes, self._done.packed_bytes),
                unit="bytes",
                freed_bytes=sum(one.cut_bytes for _, one in self._done.rotated),
            )
        )
