"""Questions about backups: how old, proved by a restore, elsewhere, how many."""

from pathlib import Path

from actions.ledger.last_runs import last_success
from actions.prune_backups import PruneBackups, PruneBackupsOptions
from storekeeper.backups import DATABASE, MEDIA
from storekeeper.commands.checks.line import Answer, Evidence, failed, look, ok
from storekeeper.errors import ShopError
from storekeeper.measure.backups import Backup
from storekeeper.measure.not_measured import UPLOADS
from storekeeper.shop.storages import holds_uploads
from storekeeper.units import format_size

# Daily and weekly, with time for the run itself, as the alerts count.
DATABASE_DAYS = 26 / 24
MEDIA_DAYS = 8.0
OFFSITE_DAYS = 8.0
RESTORE_DAYS = 92.0


def database_backup(evidence: Evidence) -> Answer:
    """Tell whether each database has a backup of the last day, proved by a restore."""
    told: list[str] = []
    late = unproved = False
    for name in evidence.config.databases or ["default"]:
        newest = _newest(evidence, kind=DATABASE, owner=name)
        if newest is None:
            late = True
            told.append(f"database {name} has no backup")
            continue
        age = evidence.age_days(newest.made)
        late = late or age > DATABASE_DAYS
        unproved = unproved or not newest.verified
        proof = "verified" if newest.verified else "not verified"
        told.append(f"{newest.name} is {age * 24:.0f} h old and {proof}")
    measured = ", ".join(told)
    if late:
        return failed(measured, "storekeeper backup_database --verify")
    return look(measured, "storekeeper verify_backup") if unproved else ok(measured)


def media_backup(evidence: Evidence) -> Answer:
    """Tell whether media has a backup of the last week, and which uploads are in none."""
    elsewhere = [one for one in evidence.measured.not_measured if one.kind == UPLOADS]
    told_elsewhere = "; ".join(one.text for one in elsewhere)
    area = evidence.config.areas.get(MEDIA)
    if area is None and not elsewhere:
        return ok("the config names no area media")
    if area is None or not _holds_uploads(evidence, area.path):
        return failed(f"not backed up: {told_elsewhere}", "keep versions and copies of them where they are")
    newest = _newest(evidence, kind=MEDIA, owner=MEDIA)
    if newest is None:
        return failed("media has no backup", "storekeeper backup_media")
    age = evidence.age_days(newest.made)
    told = f"{newest.name} is {age:.1f} days old"
    if age > MEDIA_DAYS:
        return failed(told, "storekeeper backup_media")
    if elsewhere:
        return look(f"{told}; {told_elsewhere}", "keep versions and copies of them where they are")
    return ok(told)


def _holds_uploads(evidence: Evidence, root: Path) -> bool:
    try:
        return holds_uploads(root, description=evidence.context.shop.describe())
    except ShopError:
        return True


def offsite(evidence: Evidence) -> Answer:
    """Tell whether copies of the backups went to another place in the last week."""
    places = len(evidence.config.backups.offsite) + len(evidence.config.backups.media.copies)
    if not places:
        return look("no other place is configured", "add offsite: to backups: in storekeeper.yml")
    last = last_success(evidence.config, "copy_backups_offsite")
    if last is None or evidence.age_days(last) > OFFSITE_DAYS:
        told = "never" if last is None else f"{evidence.age_days(last):.0f} days ago"
        return failed(f"the last copy to {places} places: {told}", "storekeeper copy_backups_offsite")
    return ok(f"copied to {places} places {evidence.age_days(last):.1f} days ago")


def retention(evidence: Evidence) -> Answer:
    """Tell how many backups are kept, and whether any should be gone."""
    plan = PruneBackups().plan(evidence.context, PruneBackupsOptions())
    kept = [one.backup for one in plan.judged if one.reasons]
    size = format_size(sum(one.manifest.held_bytes for one in kept))
    told = f"{len(kept)} backups stay ({sum(one.verified for one in kept)} verified, {size})"
    if plan.gone:
        return look(f"{told}, {len(plan.gone)} are past their time", "storekeeper prune_backups")
    return ok(told)


def damaged(evidence: Evidence) -> Answer:
    """Tell whether anything is wrong with a backup: cut, changed, not restorable, without a manifest."""
    wrong = [f"{backup.name}: {backup.problem}" for backup in evidence.measured.backups if backup.problem]
    if wrong:
        return failed("; ".join(wrong[:3]), "storekeeper backup_database --verify")
    return ok(f"nothing is wrong with {len(evidence.measured.backups)} backups")


def restore_test(evidence: Evidence) -> Answer:
    """Tell when a restore last proved a backup of each database."""
    told, late = [], False
    for name in evidence.config.databases or ["default"]:
        proved = [
            backup.verified
            for backup in evidence.measured.backups
            if backup.kind == DATABASE and backup.owner == name and backup.verified
        ]
        if not proved:
            return failed(f"no backup of database {name} was ever restored", "storekeeper verify_backup")
        age = evidence.age_days(max(proved))
        late = late or age > RESTORE_DAYS
        told.append(f"database {name} {age:.1f} days ago")
    measured = f"last restored for a trial: {', '.join(told)}"
    return failed(measured, "storekeeper verify_backup") if late else ok(measured)


def _newest(evidence: Evidence, *, kind: str, owner: str) -> Backup | None:
    found = [
        backup
        for backup in evidence.measured.backups
        if backup.kind == kind and backup.owner == owner and not backup.problem
    ]
    return max(found, key=lambda backup: backup.made, default=None)
