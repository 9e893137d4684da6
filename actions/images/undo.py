"""
Take a run of optimize_images back: every row names its original again, and the new files go.

Possible while the originals are there, in their place or in the quarantine of cleanup_orphaned_media, from
where they come back. A row that names something else by now stays as it is; a new file that a text names
stays, too.
"""

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from actions.action import Context, Outcome, Progress
from actions.images.journal import CHANGED, UNDONE, Exchange, Identity, ImageJournal, RunMap
from actions.images.recovery import remove_made
from actions.images.rows import NamingRow, rename_in_rows, rows_naming
from actions.media.quarantine import Quarantine, QuarantineRun
from actions.media.references import named_files
from storekeeper.errors import StorekeeperError
from storekeeper.files import Tree
from storekeeper.shop.shop import Conversation

LATEST = "latest"


@dataclass(frozen=True, kw_only=True)
class PlannedReturn:
    """One image: ``quarantined`` is the run that set its original aside, None where it is in its place."""

    exchange: Exchange
    quarantined: QuarantineRun | None = None


@dataclass(frozen=True, kw_only=True)
class UndoPlan:
    """Which images of a run get their originals back, and which do not, with the reason."""

    run: RunMap
    area: str
    returns: tuple[PlannedReturn, ...] = ()
    left: tuple[tuple[Exchange, str], ...] = ()
    unfinished: int = 0

    @property
    def empty(self) -> bool:
        """True when there is nothing to do."""
        return not (self.returns or self.unfinished)

    @property
    def summary(self) -> str:
        """One sentence: how many originals would come back."""
        text = f"{len(self.returns)} images of run {self.run.run} would get their originals back"
        return f"{text}; {len(self.left)} cannot" if self.left else text

    def rows(self) -> list[tuple[str, ...]]:
        """Give the table for a person: the original, what stands in its place, what happens."""
        table: list[tuple[str, ...]] = [("original", "now", "what")]
        for item in self.returns:
            what = "comes back from quarantine" if item.quarantined else "is named again"
            table.append((item.exchange.old, item.exchange.new, what))
        table += [(exchange.old, exchange.new, f"stays: {why}") for exchange, why in self.left]
        return table

    def as_json(self) -> dict[str, Any]:
        """Give every image of the run."""
        return {
            "summary": self.summary,
            "run": self.run.run,
            "area": self.area,
            "items": [
                {
                    "file": item.exchange.new,
                    "original": item.exchange.old,
                    "quarantined": item.quarantined.name if item.quarantined else "",
                }
                for item in self.returns
            ],
            "left": [{"file": exchange.new, "why": why} for exchange, why in self.left],
        }


def plan_undo(context: Context, *, area: str, tree: Tree, wanted: str, unfinished: int) -> UndoPlan:
    """Look where the originals of the run ``wanted``, or the latest, are; raises StorekeeperError."""
    run, exchanges = _chosen(context, tree, wanted)
    aside: dict[tuple[str, Identity], QuarantineRun] = {
        (file.name, Identity.of(file)): quarantined
        for quarantined in Quarantine(context.config, area=area).runs()
        for file in quarantined.files()
    }
    returns: list[PlannedReturn] = []
    left: list[tuple[Exchange, str]] = []
    for exchange in exchanges:
        if exchange.state != CHANGED:
            continue
        file = tree.find(exchange.old)
        if exchange.old_identity is None:
            left.append((exchange, "its run was killed before it was written down"))
        elif file is not None and Identity.of(file) == exchange.old_identity:
            returns.append(PlannedReturn(exchange=exchange))
        elif file is not None:
            left.append((exchange, "another file has the name of its original"))
        elif place := aside.get((exchange.old, exchange.old_identity)):
            returns.append(PlannedReturn(exchange=exchange, quarantined=place))
        else:
            left.append((exchange, "its original is gone"))
    return UndoPlan(run=run, area=area, returns=tuple(returns), left=tuple(left), unfinished=unfinished)


def undo(context: Context, *, plan: UndoPlan, tree: Tree) -> Outcome:
    """Do what the plan says: originals back, then rows, then the new files away that nothing names."""
    run = plan.run
    ready = [item.exchange for item in plan.returns if _in_place(tree, item)]
    permit = run.allow()
    try:
        with context.shop.talk() as conversation:
            rows = _set_back(context, conversation, permit=permit, tree=tree, exchanges=ready)
            named = named_files(
                conversation,
                config=context.config,
                root=tree.root,
                files=[exchange.new for exchange in ready],
            ).files
    finally:
        run.forbid()
    undone = freed = kept = 0
    for exchange in ready:
        if exchange.new in named:
            kept += 1
            continue
        if remove_made(tree, exchange) and exchange.new_identity:
            freed += exchange.new_identity.size_bytes
        run.write([{"event": UNDONE, "new": exchange.new}])
        undone += 1
        context.report(Progress(done=undone, total=len(ready), unit="images", freed_bytes=freed))
    text = f"{undone} images of run {run.run} have their originals back, in {rows} rows"
    if kept:
        text += f"; {kept} new files stay, for something still names them"
    if missing := len(plan.left) + len(plan.returns) - len(ready):
        text += f"; {missing} originals are not there any more"
    return Outcome(
        summary=text,
        freed_bytes=freed,
        changed=undone,
        details={"run": run.run, "images": undone, "rows": rows, "kept": kept, "left": missing},
    )


def _set_back(
    context: Context,
    conversation: Conversation,
    *,
    permit: Path,
    tree: Tree,
    exchanges: Sequence[Exchange],
) -> int:
    """Let every row that names a new file name the original; give how many rows did so."""
    naming = rows_naming(
        conversation,
        config=context.config,
        root=tree.root,
        files=[exchange.new for exchange in exchanges],
        plain_files=True,
        suffix="",
    )
    changes: list[list[NamingRow]] = []
    originals: list[str] = []
    for exchange in exchanges:
        # Each row for itself: one that cannot go back does not keep the others.
        for row in naming.rows.get(exchange.new, []):
            changes.append([row])
            originals.append(exchange.old)
    answers = rename_in_rows(
        conversation,
        changes=[
            [row.change(old, root=tree.root) for row in rows]
            for rows, old in zip(changes, originals, strict=True)
        ],
        permit=permit,
    )
    return sum(why == "" for why in answers)


def _in_place(tree: Tree, item: PlannedReturn) -> bool:
    """Bring the original back where it was set aside; tell whether it stands in its place now."""
    if item.quarantined is not None:
        with Tree(item.quarantined.folder) as aside:
            if aside.find(item.exchange.old) is not None:
                aside.bring_back(item.exchange.old, to=tree)
    file = tree.find(item.exchange.old)
    return file is not None and Identity.of(file) == item.exchange.old_identity


def _chosen(context: Context, tree: Tree, wanted: str) -> tuple[RunMap, list[Exchange]]:
    runs = []
    for run in ImageJournal(context.config).runs():
        root, exchanges = run.read()
        if root == os.fspath(tree.root) and any(exchange.state == CHANGED for exchange in exchanges):
            runs.append((run, exchanges))
    if not runs:
        raise StorekeeperError("no run of optimize_images can be taken back here")
    if wanted == LATEST:
        return runs[-1]
    for run, exchanges in runs:
        if run.run == wanted:
            return run, exchanges
    raise StorekeeperError(
        f"no run {wanted} can be taken back here",
        hint=f"There are: {', '.join(run.run for run, _ in runs)}",
    )
