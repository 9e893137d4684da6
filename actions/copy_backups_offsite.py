"""Copy the backups to the places of ``backups.offsite``, away from this machine and its disks."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from actions.action import Context, Outcome
from actions.offsite.copy import Copies, all_backups, copy_to_all, places_of
from storekeeper.backups import Backup
from storekeeper.config import Config
from storekeeper.config.fields import Model
from storekeeper.errors import OffsiteFailed
from storekeeper.units import format_size

RESOURCE: Final = "offsite"


class CopyBackupsOffsiteOptions(Model):
    """Nothing to choose: every backup belongs to every place."""


@dataclass(frozen=True, kw_only=True)
class OffsitePlan:
    """The backups that are here and the places that are to have them. The places are not asked."""

    folder: Path
    backups: tuple[Backup, ...]
    places: tuple[str, ...]

    @property
    def summary(self) -> str:
        """Say what would be copied."""
        if not self.places:
            return "the config names no place for copies (backups.offsite, backups.media.copies)"
        size = format_size(sum(backup.manifest.held_bytes for backup in self.backups))
        return (
            f"would copy what is missing of {len(self.backups)} backups ({size}) to {', '.join(self.places)}"
        )

    @property
    def empty(self) -> bool:
        """True without a backup or without a place."""
        return not (self.backups and self.places)

    def rows(self) -> list[tuple[str, ...]]:
        """Give one row per backup."""
        return [
            ("backup", "size"),
            *((one.path.name, format_size(one.manifest.held_bytes)) for one in self.backups),
        ]

    def as_json(self) -> dict[str, Any]:
        """Give the plan for a script."""
        return {
            "folder": str(self.folder),
            "backups": [one.path.name for one in self.backups],
            "places": list(self.places),
        }


class CopyBackupsOffsite:
    """
    The action ``copy_backups_offsite``.

    Each backup that succeeds is copied at once as well; this one is for what was left behind then, and it
    fails, for everyone to see, when a place still cannot be reached.
    """

    name = "copy_backups_offsite"
    summary = "Copy the backups to the places of backups.offsite; each copy is read back."
    Options: type[Model] = CopyBackupsOffsiteOptions

    def resources(self, config: Config, options: CopyBackupsOffsiteOptions) -> tuple[str, ...]:
        """Lock the places alone: a slow line holds up neither a backup nor a cleanup."""
        return (RESOURCE,)

    def plan(self, context: Context, options: CopyBackupsOffsiteOptions) -> OffsitePlan:
        """Look at the backups that are here."""
        backups = context.config.backups
        return OffsitePlan(
            folder=backups.path,
            backups=tuple(all_backups(backups.path, shop=context.config.shop)),
            places=places_of(context.config),
        )

    def perform(self, context: Context, options: CopyBackupsOffsiteOptions, plan: OffsitePlan) -> Outcome:
        """Copy to each place; raises OffsiteFailed after all were tried when one does not have its copies."""
        copies = copy_to_all(context, plan.backups)
        if any(one.error for one in copies):
            raise OffsiteFailed(
                "; ".join(one.told for one in copies), hint="The backups here are whole; run it again later"
            )
        return Outcome(
            summary="; ".join(one.told for one in copies) or plan.summary,
            changed=sum(len(one.copied) for one in copies),
            details=details_of(copies),
        )


def details_of(copies: list[Copies]) -> dict[str, Any]:
    """Give what became of the copies, for the history."""
    return {
        "offsite": [
            {
                "place": one.place,
                "copied": list(one.copied),
                "copied_bytes": one.copied_bytes,
                "present": list(one.present),
                "removed": list(one.removed),
                "error": one.error,
            }
            for one in copies
        ]
    }
