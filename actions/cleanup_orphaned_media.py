"""
Move media files that no row names into quarantine; purge what has waited there; bring files back.

An orphan is a file in a folder that is judged, and that nothing names (``storekeeper.measure.orphans``): no
text of any table of any database, no setting, no code or template of the shop; and that is not made of a
file that is named. Judged are the folders that an ``upload_to`` says, those in which rows name files, and
those that ``areas.*.uploads`` lists; the plan names the others and why (``storekeeper.measure.judge``).
Nothing may have happened to the file for a day (the later of mtime and ctime): an upload is on the disk
before its row is. The files of ``qr_codes`` belong to another action.

An unattended run (a playbook, a schedule, cron: no terminal) moves files only out of folders that an operator
has approved once (``approvals.py``); the others wait, and the run says so. It purges nothing that has been in
quarantine for less than 30 days. ``force`` lifts the budget and nothing else.

The run stops, and moves nothing, when a question to the shop fails, when no row names any file at all, and
above the budget. Each file is asked for again just before it moves. After ``keep_days`` in quarantine a file
is purged. One that some row names again, as after a restore of the database, comes back at the next run.
"""

import datetime as dt
from collections.abc import Callable, Collection, Sequence
from dataclasses import replace
from functools import partial
from typing import Final

from pydantic import Field

from actions.action import Context, Outcome, Progress
from actions.media.approvals import Approvals
from actions.media.approving import WAITING_FOLDERS, approved_now, by_hand
from actions.media.orphan_plan import WAIT_FOR_APPROVAL, OrphanPlan, QuarantinedFiles, told_folders
from actions.media.orphan_search import OrphanSearch
from actions.media.quarantine import Quarantine, QuarantineRun
from actions.media.wanted import wanted_files
from actions.stuck import Stuck
from storekeeper.config import Config
from storekeeper.config.fields import Model
from storekeeper.errors import ConfigurationError, OverBudget, StorekeeperError
from storekeeper.files import FoundFile, Tree
from storekeeper.files.reasons import ONE_FILES_FAULT
from storekeeper.shop.shop import Conversation
from storekeeper.units import format_size

NAME = "cleanup_orphaned_media"
LATEST = "latest"
REPORT_FILES = 500
BUDGET_HINT: Final = "Look at --dry-run first; --force moves them all the same"
# What was taken by mistake is mostly missed within a month.
LEAST_KEEP_DAYS: Final = 30


class CleanupOrphanedMediaOptions(Model):
    """What a person may choose."""

    area: str = Field(default="media", description="The area whose files are looked at.")
    days: int = Field(
        default=1, ge=1, le=36_500, description="Leave files to which anything happened in these days."
    )
    keep_days: int = Field(
        default=LEAST_KEEP_DAYS, ge=0, le=36_500, description="Purge what has been in quarantine this long."
    )
    restore: str | None = Field(
        default=None, description="Bring back what this run set aside: its time, or latest."
    )
    approve: bool = Field(
        default=False,
        description="Approve the folders of this plan: from now on their orphans also move unattended.",
    )
    force: bool = Field(default=False, description="Lift the budget; neither approvals nor names.")


class CleanupOrphanedMedia:
    """The action; see the module's description for its rules."""

    name = NAME
    summary = "Move media files that no row names into quarantine, and purge what has waited there."
    Options: type[Model] = CleanupOrphanedMediaOptions

    def resources(self, config: Config, options: CleanupOrphanedMediaOptions) -> tuple[str, ...]:
        """Give the area and the databases: while one is restored, every file looks orphaned."""
        return (options.area, *(f"database-{name}" for name in config.databases))

    def plan(self, context: Context, options: CleanupOrphanedMediaOptions) -> OrphanPlan:
        """Look at files, then rows, then the quarantine; raises StorekeeperError when any question fails."""
        if options.area not in context.config.areas:
            raise ConfigurationError(
                f"there is no area {options.area}", hint=f"Known: {', '.join(context.config.areas)}"
            )
        quarantine = Quarantine(context.config, area=options.area)
        if options.restore is not None:
            run = _chosen(quarantine, options.restore)
            back = QuarantinedFiles(run=run, files=tuple(run.files()))
            return OrphanPlan(area=options.area, returns=(back,) if back.files else ())
        path = context.config.areas[options.area].path
        if not path.is_dir():
            return OrphanPlan(area=options.area, notes=(f"{path} does not exist",))
        search = OrphanSearch(context, area=options.area, grace_days=options.days)
        note = quarantine.of_another_root()
        purge_before = context.now() - dt.timedelta(days=options.keep_days)
        with Tree(path) as tree, context.shop.talk() as conversation:
            orphans = search.orphans(tree, conversation=conversation)
            folder_of = {file.name: search.folder_of(file.name) for file in orphans}
            approvals = Approvals(context.config.state).of(options.area, root=tree.root)
            purges, returns = [], []
            notes = [note] if note else []
            runs = {run: run.files() for run in quarantine.runs()}
            # One question for all of them: it reads every table of the shop.
            named = wanted_files(
                conversation,
                config=context.config,
                root=tree.root,
                files={file.name for files in runs.values() for file in files},
            )
            for run, files in runs.items():
                gone, back, others = _split(run, files=files, named=named, tree=tree)
                purges += [gone] if gone.files and run.moment < purge_before else []
                returns += [back] if back.files else []
                notes += [f"{others} files in {run.folder} were not set aside by storekeeper and stay"] * (
                    others > 0
                )
            return OrphanPlan(
                area=options.area,
                moves=tuple(orphans),
                purges=tuple(purges),
                returns=tuple(returns),
                over_budget=search.over_budget(orphans),
                over_budget_approved=search.over_budget(
                    [file for file in orphans if folder_of[file.name] in approvals]
                ),
                folder_of=folder_of,
                approved=approvals,
                not_judged=search.not_judged(),
                notes=(*notes, *search.notes()),
            )

    def perform(self, context: Context, options: CleanupOrphanedMediaOptions, plan: OrphanPlan) -> Outcome:
        """Do what the plan lists and what is still so; raises OverBudget before anything moves."""
        unattended = context.ask is None
        if reason := refused_unattended(options) if unattended else "":
            raise ConfigurationError(reason)
        if options.approve and not by_hand(context):
            raise ConfigurationError(
                "approve is for an operator at the command line",
                hint="Approve the run that waits instead: storekeeper approve RUN, or the receiver's page",
            )
        asked = plan.unapproved and (options.approve or not unattended)
        if asked and plan.over_budget and not options.force:
            raise OverBudget(plan.over_budget, hint=BUDGET_HINT)
        allowed = plan.approved.keys() | approved_now(context, plan=plan, approve=options.approve)
        moves = plan.moves_of(allowed)
        over = plan.over_budget if len(moves) == len(plan.moves) else plan.over_budget_approved
        if over and not options.force:
            raise OverBudget(over, hint=BUDGET_HINT)
        waiting = {name: sizes for name, sizes in plan.folders.items() if name not in allowed}
        if moves or plan.purges or plan.returns:
            outcome = _Housekeeping(context, plan=plan, moves=moves).run()
        else:
            outcome = Outcome(summary="; ".join(["no file was to move", *plan.notes]))
        if not waiting:
            return outcome
        told = told_folders(waiting)
        return replace(
            outcome,
            summary=f"{outcome.summary}; {told}: {WAIT_FOR_APPROVAL}",
            waits_for=told,
            details={**outcome.details, WAITING_FOLDERS: sorted(waiting)},
        )

    def refused_unattended(self, options: CleanupOrphanedMediaOptions) -> str:
        """Say why a playbook may not use these options, ``""`` where it may."""
        if options.approve:
            return "approve is for an operator; a playbook cannot use it"
        return refused_unattended(options)


def refused_unattended(options: CleanupOrphanedMediaOptions) -> str:
    """Say why no run without an operator may use these options, ``""`` where it may."""
    if options.restore is None and options.keep_days < LEAST_KEEP_DAYS:
        return (
            f"keep_days: {options.keep_days}: unattended runs keep what is in quarantine at least"
            f" {LEAST_KEEP_DAYS} days; an operator at a terminal may choose less"
        )
    return ""


class _Housekeeping:
    def __init__(self, context: Context, *, plan: OrphanPlan, moves: Sequence[FoundFile]) -> None:
        self._context = context
        self._plan = plan
        self._moves = moves
        self._quarantine = Quarantine(context.config, area=plan.area)
        self._moved = self._moved_bytes = 0
        self._purged = self._purged_bytes = 0
        self._returned = self._left = 0
        self._stuck = Stuck()

    def run(self) -> Outcome:
        with Tree(self._context.config.areas[self._plan.area].path) as tree:
            for group in self._plan.returns:
                self._bring_back(group, tree)
            with self._context.shop.talk() as conversation:
                for group in self._plan.purges:
                    self._purge(group, tree, conversation)
                if self._moves:
                    self._set_aside(tree, conversation)
        parts = [
            f"{self._moved} files ({format_size(self._moved_bytes)}) went into quarantine",
            f"{self._purged} ({format_size(self._purged_bytes)}) were purged",
            f"{self._returned} came back",
        ]
        if self._left:
            parts.append(f"{self._left} changed meanwhile and stay where they are")
        if stuck := self._stuck.told():
            parts.append(stuck)
        return Outcome(
            summary=", ".join(parts),
            # What only moved still takes its room on the disk.
            freed_bytes=self._purged_bytes,
            changed=self._moved + self._purged + self._returned,
            details={
                "moved": self._moved,
                "moved_bytes": self._moved_bytes,
                "purged": self._purged,
                "purged_bytes": self._purged_bytes,
                "returned": self._returned,
                "left": self._left,
                **self._stuck.details(),
            },
        )

    def _bring_back(self, group: QuarantinedFiles, tree: Tree) -> None:
        with Tree(group.run.folder) as aside:
            for file in group.files:
                self._returned += self._moves_now(file, partial(aside.bring_back, file.name, to=tree))
        self._quarantine.remove_empty(group.run)

    def _purge(self, group: QuarantinedFiles, tree: Tree, conversation: Conversation) -> None:
        named = wanted_files(
            conversation,
            config=self._context.config,
            root=tree.root,
            files=[file.name for file in group.files],
        )
        free = [file for file in group.files if file.name not in named]
        self._left += len(group.files) - len(free)
        with Tree(group.run.folder) as aside:
            for file, removed in aside.remove_all(group.run.own_files(free)):
                if removed:
                    self._purged += 1
                    self._purged_bytes += file.size_bytes
                    self._report()
                elif not self._stuck.add_refused(file, tree=aside):
                    self._left += 1
        self._quarantine.remove_empty(group.run)

    def _set_aside(self, tree: Tree, conversation: Conversation) -> None:
        named = wanted_files(
            conversation,
            config=self._context.config,
            root=tree.root,
            files=[file.name for file in self._moves],
        )
        free = [file for file in self._moves if file.name not in named]
        self._left += len(self._moves) - len(free)
        self._quarantine.set_aside(
            free, now=self._context.now(), attempt=self._moves_aside, cancelled=self._context.cancelled
        )

    def _moves_aside(self, file: FoundFile, move: Callable[[], bool]) -> None:
        if self._moves_now(file, move):
            self._moved += 1
            self._moved_bytes += file.size_bytes
            self._report()

    def _moves_now(self, file: FoundFile, move: Callable[[], bool]) -> bool:
        """Move one file; return whether it has moved. One that stays is counted, or named with the reason."""
        try:
            moved = move()
        except FileNotFoundError:
            moved = False
        except OSError as error:
            if error.errno not in ONE_FILES_FAULT:
                raise
            self._stuck.add(file.name, str(error.strerror))
            return False
        self._left += not moved
        return moved

    def _report(self) -> None:
        done = self._moved + self._purged
        if done % REPORT_FILES == 0:
            self._context.report(Progress(done=done, freed_bytes=self._purged_bytes))


def _split(
    run: QuarantineRun, *, files: Sequence[FoundFile], named: Collection[str], tree: Tree
) -> tuple[QuarantinedFiles, QuarantinedFiles, int]:
    """
    Return the files of a run that nothing wants, those that are wanted again and missing, and how many more
    there are that storekeeper did not set aside.
    """
    missed = tuple(file for file in files if file.name in named and tree.find(file.name) is None)
    own = run.own_files(files)
    return (
        QuarantinedFiles(run=run, files=tuple(file for file in own if file.name not in named)),
        QuarantinedFiles(run=run, files=missed),
        len(files) - len(own),
    )


def _chosen(quarantine: Quarantine, wanted: str) -> QuarantineRun:
    runs = quarantine.runs()
    if not runs:
        raise StorekeeperError(
            "the quarantine is empty: there is nothing to bring back", hint=quarantine.of_another_root()
        )
    if wanted == LATEST:
        return runs[-1]
    for run in runs:
        if run.name == wanted:
            return run
    raise StorekeeperError(
        f"no run {wanted} is in quarantine", hint=f"There are: {', '.join(run.name for run in runs)}"
    )
