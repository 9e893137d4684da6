"""
Who may approve a folder now: an operator who says ``--approve``, who answers at the terminal, or who has
approved the run that waited for exactly these folders.
"""

from collections.abc import Mapping
from typing import Any, Final

from actions.action import Context
from actions.ledger.schema import Trigger
from actions.media.approvals import Approval, Approvals
from actions.media.orphan_plan import OrphanPlan
from actions.person import person
from storekeeper.files import Tree

APPROVAL: Final = "approval"
"""The attribute of a run's context that holds who approved it, and the details that it was shown."""
WAITING_FOLDERS: Final = "waiting_folders"
"""The detail of a step that waits: the folders that it waits for."""


def by_hand(context: Context) -> bool:
    """Return whether the run was started at the command line."""
    return bool(context.attributes.get("trigger", Trigger.COMMAND_LINE) == Trigger.COMMAND_LINE)


def approved_now(context: Context, *, plan: OrphanPlan, approve: bool) -> frozenset[str]:
    """Ask, where an operator can be asked, and store what was approved; return those folders."""
    if not plan.unapproved:
        return frozenset()
    given: Mapping[str, Any] = context.attributes.get(APPROVAL) or {}
    if approve:
        folders, who = set(plan.unapproved), person()
    elif given:
        shown = given.get("details", {}).get(WAITING_FOLDERS, ())
        folders, who = plan.unapproved.keys() & set(shown), str(given["who"])
    elif context.ask is not None and context.ask(_question(plan), plan):
        folders, who = set(plan.unapproved), person()
    else:
        return frozenset()
    _store(context, plan=plan, folders=folders, who=who)
    return frozenset(folders)


def _question(plan: OrphanPlan) -> str:
    return (
        f"{plan.waits_for} would go into quarantine, for the first time. Look at them: is every file one that"
        " the shop can do without? A yes moves them, and from then on what no row names there also moves"
        " unattended"
    )


def _store(context: Context, *, plan: OrphanPlan, folders: set[str], who: str) -> None:
    if not folders:
        return
    with Tree(context.config.areas[plan.area].path) as tree:
        root = str(tree.root)
    Approvals(context.config.state).approve(
        Approval(
            area=plan.area,
            root=root,
            folder=folder,
            who=who,
            approved=context.now(),
            files=len(plan.unapproved[folder]),
            size_bytes=sum(plan.unapproved[folder]),
        )
        for folder in sorted(folders)
    )
