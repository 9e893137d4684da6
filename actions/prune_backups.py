"""Remove the backups that the retention does not keep, and nothing else."""

from dataclasses import dataclass
from typing import Any

from pydantic import Field

from actions.action import Context, Outcome, Progress
from actions.backups.files import sweep_partial_files
from actions.backups.manifest import manifest_path
from actions.backups.series import judge
from storekeeper.backups import KINDS, SUMS_SUFFIX, Backup, find_backups, read_manifest
from storekeeper.config import Config
from storekeeper.config.fields import Model, ShopPath
from storekeeper.files import FoundFile, Tree
from storekeeper.units import format_size


class PruneBackupsOptions(Model):
    """Where to look."""

    output: ShopPath | None = Field(
        default=None, description="Folder of the backups instead of the config's."
    )


@dataclass(frozen=True, kw_only=True)
class Judged:
    """A backup and the reasons why it stays; none when it goes."""

    backup: Backup
    reasons: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class PrunePlan:
    """Every backup of ours in the folder, kept or not."""

    judged: tuple[Judged, ...]

    @property
    def gone(self) -> tuple[Backup, ...]:
        """Give the backups that would be removed."""
        return tuple(one.backup for one in self.judged if not one.reasons)

    @property
    def summary(self) -> str:
        """Say what would be removed and what stays."""
        size = format_size(sum(backup.manifest.size_bytes for backup in self.gone))
        return f"would remove {len(self.gone)} of {len(self.judged)} backups, {size}"

    @property
    def empty(self) -> bool:
        """True when every backup stays."""
        return not self.gone

    def rows(self) -> list[tuple[str, ...]]:
        """Give one row per backup with the reasons why it stays."""
        return [
            ("backup", "size", "verified", "stays because"),
            *(
                (
                    one.backup.path.name,
                    format_size(one.backup.manifest.size_bytes),
                    "yes" if one.backup.verified else "no",
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
                    "size_bytes": one.backup.manifest.size_bytes,
                    "verified": one.backup.verified,
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
        """Judge every backup that has a manifest of ours; other files are not looked at."""
        folder = options.output or context.config.backups.path
        zone = context.shop.describe().time_zone
        now = context.now()
        backups = {one.path.name: one for kind in KINDS for one in find_backups(folder, kind=kind)}
        decisions = judge(
            (one.manifest for one in backups.values()),
            keep=context.config.backups.keep,
            now=now,
            time_zone=zone,
        )
        return PrunePlan(
            judged=tuple(
                Judged(backup=backups[name], reasons=decision.reasons) for name, decision in decisions.items()
            )
        )

    def perform(self, context: Context, options: PruneBackupsOptions, plan: PrunePlan) -> Outcome:
        """Remove them one by one; a backup whose manifest has changed since the plan stays."""
        folder = options.output or context.config.backups.path
        freed = sum(sweep_partial_files(folder, kind=kind) for kind in KINDS)
        removed: list[str] = []
        if plan.gone:
            with Tree(folder) as tree:
                for backup in plan.gone:
                    if context.cancelled():
                        break
                    if read_manifest(backup.path) not in (None, backup.manifest):
                        continue
                    freed += _remove(tree, backup)
                    removed.append(backup.path.name)
                    context.report(
                        Progress(
                            done=len(removed),
                            total=len(plan.gone),
                            unit="backups",
                            freed_bytes=freed,
                            note=f"removed {backup.path.name}",
                        )
                    )
        return Outcome(
            summary=f"removed {len(removed)} of {len(plan.judged)} backups, {format_size(freed)} freed",
            freed_bytes=freed,
            changed=len(removed),
            details={"removed": removed},
        )


def _remove(tree: Tree, backup: Backup) -> int:
    """Remove a backup, then what lies beside it: one without the other is swept, never counted."""
    freed = 0
    for name in (
        backup.path.name,
        backup.path.name + SUMS_SUFFIX,
        manifest_path(backup.path).name,
    ):
        file: FoundFile | None = tree.find(name)
        if file is not None and tree.remove(file):
            freed += file.size_bytes
    return freed
