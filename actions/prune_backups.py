"""Remove the backups that the retention does not keep, and nothing else."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import Field

from actions.action import Context, Outcome, Progress
from actions.backups.damage import read_damage
from actions.backups.files import sweep_partial_files
from actions.backups.manifest import manifest_path, mark_failed
from actions.backups.restic.prune import Snapshots
from actions.backups.retention import Decision
from actions.backups.series import judge
from actions.stuck import Stuck
from storekeeper.backups import KINDS, Backup, backups_in, manifest_in, read_manifest, sums_name
from storekeeper.config import Config
from storekeeper.config.fields import Model, ShopPath
from storekeeper.errors import UnsafePath
from storekeeper.files import FoundFile, Tree
from storekeeper.files.reasons import ONE_FILES_FAULT
from storekeeper.units import format_size


class PruneBackupsOptions(Model):
    """Where to look."""

    output: ShopPath | None = Field(
        default=None, description="Folder of the backups instead of the config's."
    )


@dataclass(frozen=True, kw_only=True)
class Judged:
    """
    A backup and the reasons why it stays; none when it goes.

    ``damage`` is what was found now to be wrong with it, which its manifest does not say yet.
    """

    backup: Backup
    reasons: tuple[str, ...]
    damage: str = ""

    @property
    def verified(self) -> bool:
        """Tell whether it counts."""
        return self.backup.verified and not self.damage


@dataclass(frozen=True, kw_only=True)
class PrunePlan:
    """Every backup of ours in the folder, kept or not."""

    judged: tuple[Judged, ...]
    time_zone: str = ""
    folder_id: tuple[int, int] | None = None
    """Which folder was looked at, whatever has its name later: device and inode."""

    @property
    def gone(self) -> tuple[Backup, ...]:
        """Give the backups that would be removed."""
        return tuple(one.backup for one in self.judged if not one.reasons)

    @property
    def damaged(self) -> tuple[Judged, ...]:
        """Give those whose manifests would say from now on that they are damaged."""
        return tuple(one for one in self.judged if one.damage)

    @property
    def summary(self) -> str:
        """Say what would be removed and what stays."""
        size = format_size(sum(backup.manifest.held_bytes for backup in self.gone))
        text = f"would remove {len(self.gone)} of {len(self.judged)} backups, {size}"
        return "; ".join([text, *(f"{one.backup.path.name} is damaged" for one in self.damaged)])

    @property
    def empty(self) -> bool:
        """True when every backup stays, and none turned out to be damaged."""
        return not self.gone and not self.damaged

    def rows(self) -> list[tuple[str, ...]]:
        """Give one row per backup with the reasons why it stays."""
        return [
            ("backup", "size", "verified", "stays because"),
            *(
                (
                    one.backup.path.name,
                    format_size(one.backup.manifest.held_bytes),
                    "yes" if one.verified else "damaged" if one.damage else "no",
                    ", ".join(one.reasons) or "– (removed)",
                )
                for one in self.judged
            ),
        ]

    def as_json(self) -> dict[str, Any]:
        """Give the plan for a script."""
        return {
            "backups": [
                {
                    "file": str(one.backup.path),
                    "size_bytes": one.backup.manifest.held_bytes,
                    "verified": one.verified,
                    "damage": one.damage,
                    "keep": bool(one.reasons),
                    "reasons": list(one.reasons),
                }
                for one in self.judged
            ]
        }


class PruneBackups:
    """The action ``prune_backups``."""

    name = "prune_backups"
    summary = "Remove old backups; so many daily, weekly and monthly verified ones stay."
    Options: type[Model] = PruneBackupsOptions

    def resources(self, config: Config, options: PruneBackupsOptions) -> tuple[str, ...]:
        """Lock the backups and trial restores, which read them."""
        return ("backups", "trial-restore")

    def plan(self, context: Context, options: PruneBackupsOptions) -> PrunePlan:
        """
        Judge every backup that has a manifest of this shop's; other files are not looked at.

        Before one may go, those that stay in its place are read from end to end: a damaged one does not
        count. It stays, with the reason, until it was told.
        """
        zone = context.shop.describe().time_zone
        folder = options.output or context.config.backups.path
        if not folder.is_dir():
            return PrunePlan(time_zone=zone, judged=())
        with Tree(folder) as tree:
            look = _Look(context, tree=tree, folder=folder, time_zone=zone)
            damaged = look.judge({})
            while any(not one.keep for one in look.decisions.values()):
                found = {
                    name: damage
                    for name, decision in look.decisions.items()
                    if decision.keep and look.backups[name].verified and name not in damaged
                    if (damage := read_damage(look.backups[name].path, look.backups[name].manifest))
                }
                if not found:
                    break
                damaged = look.judge({**damaged, **found})
            return PrunePlan(
                time_zone=zone,
                folder_id=tree.identity,
                judged=tuple(
                    Judged(
                        backup=look.backups[name],
                        reasons=decision.reasons or (("damaged, told now",) if name in damaged else ()),
                        damage=damaged.get(name, ""),
                    )
                    for name, decision in look.decisions.items()
                ),
            )

    def perform(self, context: Context, options: PruneBackupsOptions, plan: PrunePlan) -> Outcome:
        """
        Remove them one by one, and note the damage that was found.

        A backup that has changed since the plan, or its manifest, stays, as does each that now has a reason
        to. The record of a snapshot goes first: one without a record is found again, and goes the next time.
        Raises UnsafePath where the folder is another one than that of the plan.
        """
        folder = options.output or context.config.backups.path
        freed = sum(sweep_partial_files(folder, kind=kind) for kind in KINDS)
        for one in plan.damaged:
            if read_manifest(one.backup.path) == one.backup.manifest:
                mark_failed(one.backup.path, one.backup.manifest, error=one.damage)
        damaged = {one.backup.path.name: one.damage for one in plan.damaged}
        removed: list[str] = []
        stuck = Stuck()
        if plan.gone:
            with Tree(folder) as tree:
                if tree.identity != plan.folder_id:
                    raise UnsafePath(f"{folder} is another folder than a moment ago: nothing was removed")
                look = _Look(context, tree=tree, folder=folder, time_zone=plan.time_zone)
                look.judge(damaged)
                snapshots = Snapshots(context, plan.gone)
                for backup in plan.gone:
                    if context.cancelled():
                        break
                    if not look.still_goes(backup):
                        continue
                    if reason := snapshots.why_not_now(backup):
                        stuck.add(str(backup.path), reason)
                        continue
                    try:
                        size_bytes = _remove(tree, backup)
                    except OSError as error:
                        if error.errno not in ONE_FILES_FAULT:
                            raise
                        stuck.add(str(backup.path), str(error.strerror))
                        continue
                    if size_bytes is None:
                        continue
                    freed += size_bytes
                    removed.append(backup.path.name)
                    snapshots.add(backup)
                    context.report(
                        Progress(
                            done=len(removed),
                            total=len(plan.gone),
                            unit="backups",
                            freed_bytes=freed,
                            note=f"removed {backup.path.name}",
                        )
                    )
                freed += snapshots.remove()
        return Outcome(
            summary="; ".join(
                [
                    f"removed {len(removed)} of {len(plan.judged)} backups, {format_size(freed)} freed",
                    *(f"{name} does not count any more: {damage}" for name, damage in damaged.items()),
                    *([stuck.told()] if stuck.count else []),
                ]
            ),
            freed_bytes=freed,
            changed=len(removed),
            details={"removed": removed, "damaged": damaged, **stuck.details()},
        )


class _Look:
    """The backups of the shop in an open folder, and what becomes of each."""

    def __init__(self, context: Context, *, tree: Tree, folder: Path, time_zone: str) -> None:
        self._context = context
        self._tree = tree
        self._folder = folder
        self._time_zone = time_zone
        self.backups: dict[str, Backup] = {}
        self.decisions: dict[str, Decision] = {}

    def judge(self, damaged: dict[str, str]) -> dict[str, str]:
        """Look and decide; give the damage of each backup that its manifest does not tell."""
        self.backups = {
            one.path.name: one
            for kind in KINDS
            for one in backups_in(self._tree, folder=self._folder, kind=kind, shop=self._context.config.shop)
        }
        seen = {
            name: one.damage
            for name, one in self.backups.items()
            if one.damage and not one.manifest.verification_error
        }
        damaged = {**seen, **damaged}
        self.decisions = judge(
            (one.manifest for one in self.backups.values()),
            keep=self._context.config.backups.keep,
            media_keep=self._context.config.backups.media.keep,
            now=self._context.now(),
            time_zone=self._time_zone,
            damaged=damaged,
        )
        return damaged

    def still_goes(self, planned: Backup) -> bool:
        """Tell whether a backup that was to go is as it was, with its manifest, and nothing keeps it."""
        name = planned.path.name
        found, decision = self.backups.get(name), self.decisions.get(name)
        if found is None or decision is None or decision.keep or found.manifest != planned.manifest:
            return False
        # Once more, right before it goes: a trial may have proved it meanwhile.
        return manifest_in(self._tree, name) == planned.manifest


def _remove(tree: Tree, backup: Backup) -> int | None:
    """
    Remove a backup, then what lies beside it: one without the other is swept, never counted.

    Gives the bytes that were freed; None, and nothing is removed, where another file has its name.
    """
    if backup.file is None or tree.find(backup.path.name) is None or not tree.remove(backup.file):
        return None
    freed = backup.file.size_bytes
    for name in (sums_name(backup.path.name), manifest_path(backup.path).name):
        file: FoundFile | None = tree.find(name)
        if file is not None and tree.remove(file):
            freed += file.size_bytes
    return freed
