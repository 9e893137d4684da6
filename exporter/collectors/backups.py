"""The backups as they lie on disk: number, age and size."""

from collections.abc import Iterator, Sequence

from prometheus_client.core import GaugeMetricFamily

from exporter.collectors.collector import Collected
from exporter.sources import Sources
from storekeeper.backups import DATABASE, KINDS, MEDIA
from storekeeper.backups.names import DEFAULT_DATABASE
from storekeeper.measure.backups import Backup, read_backups

# A clock that was set right by so much between a backup and a scrape has not gone wrong.
_LENIENCE_SECONDS = 300.0


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
