"""The backups as they lie on disk; what a run claimed to have made does not count."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from prometheus_client.core import GaugeMetricFamily

from exporter.collectors.collector import Collected
from exporter.sources import Sources
from storekeeper import backups as disk
from storekeeper.backups import DATABASE, KINDS, MEDIA
from storekeeper.backups.names import DEFAULT_DATABASE

# A clock that was set right by so much between a backup and a scrape has not gone wrong.
_LENIENCE_SECONDS = 300.0


@dataclass(frozen=True, kw_only=True)
class Backup:
    """
    One complete backup file: of what, when it was made (seconds since 1970), and its bytes.

    ``owner`` is the database of the config or the area. ``verified`` is the time at which it was proven to
    restore, None if it never was. ``problem`` says what is wrong with it: it then counts for nothing.
    """

    name: str
    kind: str
    owner: str
    made: float
    size_bytes: int
    verified: float | None
    problem: str = ""


def read_backups(folder: Path, *, shop: str = "") -> tuple[Backup, ...]:
    """Give the backups of databases and of media in ``folder``, the oldest first; of ``shop`` alone."""
    found: list[Backup] = []
    for kind in KINDS:
        found += map(_known, disk.find_backups(folder, kind=kind, shop=shop))
        found += [_unknown(one) for one in disk.find_strangers(folder, kind=kind) if one.file.size_bytes]
    # The backups of other areas are nobody's duty.
    wanted = [one for one in found if one.kind == DATABASE or one.owner == MEDIA]
    return tuple(sorted(wanted, key=lambda backup: (backup.made, backup.name)))


def _known(backup: disk.Backup) -> Backup:
    manifest = backup.manifest
    return Backup(
        name=backup.path.name,
        kind=manifest.kind,
        owner=manifest.area if manifest.kind == MEDIA else manifest.database or DEFAULT_DATABASE,
        made=manifest.created.timestamp(),
        size_bytes=manifest.size_bytes,
        verified=manifest.verified.timestamp() if manifest.verified and backup.verified else None,
        problem=backup.problem,
    )


def _unknown(stranger: disk.Stranger) -> Backup:
    """Give a backup that only its name speaks for."""
    modified = stranger.file.modified
    named = stranger.name.moment
    return Backup(
        name=stranger.file.name,
        kind=stranger.name.kind,
        owner=stranger.name.owner,
        # A copy has a new mtime, a name may be of another zone: the earlier one never flatters.
        made=min(named.astimezone().timestamp(), modified) if named else modified,
        size_bytes=stranger.file.size_bytes,
        verified=None,
        problem="its manifest is damaged" if stranger.damaged else "",
    )


class BackupsCollector:
    """Expose number, age and size of the backups of databases and media."""

    name = "backups"
    waits = True
    jobs = ()

    def __init__(self, sources: Sources) -> None:
        self._folder = sources.config.backups.path
        self._shop = sources.config.shop
        self._clock = sources.clock
        self._owners = {
            DATABASE: tuple(sources.config.databases) or (DEFAULT_DATABASE,),
            MEDIA: (MEDIA,),
        }

    def collect(self) -> Collected:
        """Read the folder; a kind without backups has the number 0 and no time."""
        backups = read_backups(self._folder, shop=self._shop)
        families = families_of(backups, owners=self._owners, now=self._clock())
        return Collected(families=tuple(families))


def families_of(
    backups: Sequence[Backup], *, owners: dict[str, tuple[str, ...]], now: float
) -> Iterator[GaugeMetricFamily]:
    """
    Give the families for backups in the order of their age; ``owners`` are those that each kind must have.

    A kind is as fresh as the owner that is worst off, and has no time while one of them has no backup. A
    backup from the future tells no time: nobody knows when it was made.
    """
    labels = ("kind",)
    number = GaugeMetricFamily("storekeeper_backups", "Complete backups on disk.", labels=labels)
    failed = GaugeMetricFamily(
        "storekeeper_backups_failed",
        "Backups on disk that are damaged or did not pass their verification; they count for nothing.",
        labels=labels,
    )
    size = GaugeMetricFamily(
        "storekeeper_backup_size_bytes", "Bytes of the newest complete backup.", labels=labels
    )
    success = GaugeMetricFamily(
        "storekeeper_backup_last_success_timestamp_seconds",
        "When the newest complete backup was made, in seconds since 1970; of several databases the oldest of "
        "these times.",
        labels=labels,
    )
    verified = GaugeMetricFamily(
        "storekeeper_backup_last_verified_timestamp_seconds",
        "When the newest backup that is proven to restore was made, in seconds since 1970; of several "
        "databases the oldest of these times.",
        labels=labels,
    )
    for kind in KINDS:
        found = [backup for backup in backups if backup.kind == kind]
        whole = [backup for backup in found if not backup.problem]
        number.add_metric((kind,), len(whole))
        failed.add_metric((kind,), len(found) - len(whole))
        past = [backup for backup in whole if backup.made <= now + _LENIENCE_SECONDS]
        if past:
            size.add_metric((kind,), past[-1].size_bytes)
        proven = [backup for backup in past if backup.verified is not None]
        for family, counted in ((success, past), (verified, proven)):
            newest = {backup.owner: backup.made for backup in counted}
            if all(owner in newest for owner in owners[kind]):
                family.add_metric((kind,), min(newest[owner] for owner in owners[kind]))
    yield from (number, failed, size, success, verified)
