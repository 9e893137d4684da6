"""Copy new backups off this machine as soon as they are there; what goes wrong then undoes no backup."""

import dataclasses
from pathlib import Path

from actions.action import Context, Outcome
from storekeeper.backups import Backup, read_manifest
from storekeeper.errors import AlreadyRunning
from storekeeper.files import ResourceLock


def with_copies(context: Context, outcome: Outcome, *, locks: Path) -> Outcome:
    """
    Copy the backups that a run made to the places of the config; give the outcome with what became of it.

    A place that fails is told in the outcome. ``copy_backups_offsite``, which runs daily, tries again, and
    there the failure is counted and warned of.
    """
    made = [(path, read_manifest(path)) for path in outcome.created]
    backups = [Backup(path=path, manifest=manifest) for path, manifest in made if manifest is not None]
    if not (backups and (context.config.backups.offsite or context.config.backups.media.copies)):
        return outcome
    # Loaded here: no other run waits for what copies need.
    from actions.copy_backups_offsite import RESOURCE, details_of
    from actions.offsite.copy import copy_to_all

    try:
        with ResourceLock(locks, resource=RESOURCE, purpose="copies of a new backup"):
            copies = copy_to_all(context, backups)
    except AlreadyRunning as error:
        told = f"not copied off this machine yet: {error.message}"
        return dataclasses.replace(outcome, summary=f"{outcome.summary}; {told}")
    return dataclasses.replace(
        outcome,
        summary="; ".join([outcome.summary, *(one.told for one in copies)]),
        details={**outcome.details, **details_of(copies)},
    )
