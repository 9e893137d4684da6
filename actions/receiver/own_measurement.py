"""
What the receiver's own measurement says to an alert, before a playbook touches anything.

An alert may be late, repeated or wrong; a person may have made room meanwhile. So the first thing that a run
of a playbook does is to measure what its alert speaks of, with the code that the exporter measures with.
"""

import datetime as dt
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Final

from actions.ledger.ledger import Run
from storekeeper.backups import DATABASE, MEDIA
from storekeeper.backups.names import DEFAULT_DATABASE
from storekeeper.config import Config
from storekeeper.measure.backups import read_backups
from storekeeper.measure.resources import parse_resource
from storekeeper.measure.usage import Usage

# Where each alert ends, as in alert_rules/usage.yml.
ENDS_AT: Final[Mapping[str, float]] = MappingProxyType(
    {"StorageUsageWarning": 0.75, "StorageUsageCritical": 0.85, "StorageUsageEmergency": 0.90}
)
BACKUP_TOO_OLD: Final = "BackupTooOld"
# When a backup is too old, as in alert_rules/backups.yml.
FRESH: Final[Mapping[str, dt.timedelta]] = MappingProxyType(
    {DATABASE: dt.timedelta(hours=26), MEDIA: dt.timedelta(days=8)}
)


def low_water(run: Run) -> float | None:
    """Return the share of the limit below which a run has nothing to do, None where no usage decides."""
    return run.until_below or ENDS_AT.get(run.alertname)


def nothing_to_free(run: Run, usage: Usage | None) -> str:
    """Return why a run has nothing to do by the usage of its resource, ``""`` where it has."""
    low = low_water(run)
    if low is None or usage is None or usage.ratio >= low:
        return ""
    return f"nothing to do: {run.resource} is {usage.ratio:.1%} full, below {low:.0%}"


def backups_are_fresh(run: Run, *, config: Config, now: Callable[[], dt.datetime]) -> str:
    """Return why a run that makes backups has nothing to do, ``""`` where one is missing or too old."""
    kind = parse_resource(run.resource).kind
    if run.alertname != BACKUP_TOO_OLD or kind not in FRESH:
        return ""
    owners = tuple(config.databases) or (DEFAULT_DATABASE,) if kind == DATABASE else (MEDIA,)
    moment = now().timestamp()
    oldest = moment
    for owner in owners:
        made = [
            backup.made
            for backup in read_backups(config.backups.path, shop=config.shop)
            if (backup.kind, backup.owner) == (kind, owner) and not backup.problem and backup.made <= moment
        ]
        if not made or moment - max(made) > FRESH[kind].total_seconds():
            return ""
        oldest = min(oldest, max(made))
    return f"nothing to do: the newest backup of {kind} is {(moment - oldest) / 3600:.1f} h old"
