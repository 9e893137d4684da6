"""The backups as they lie on disk: number, age and size."""

from collections.abc import Iterator, Sequence

from prometheus_client.core import GaugeMetricFamily

from exporter.collectors.collector import Collected
from exporter.sources import Sources
from storekeeper.backups import DATABASE, KINDS, MEDIA
from storekeeper.config import Config
from storekeeper.errors import ShopError
from storekeeper.measure.backups import Backup, read_backups
from storekeeper.shop.storages import holds_uploads

# A clock that was set right by so much between a backup and a scrape has not gone wrong.
_LENIENCE_SECONDS = 300.0


# The action that makes media backups, in the config's ``schedule``.
_MEDIA_ACTION = "backup_media"


def owners_of(config: Config) -> dict[str, tuple[str, ...]]:
    """
    Return what must have a backup, by kind: every database, and the media folder unless that is switched off.

    A shop without databases, or whose uploads lie elsewhere, must have no backup of them.
    """
    switched_off = config.schedule.get(_MEDIA_ACTION, "") is None
    return {
        DATABASE: tuple(config.databases),
        MEDIA: (MEDIA,) if MEDIA in config.areas and not switched_off else (),
    }


class BackupsCollector:
    """Expose number, age and size of the backups of databases and media."""

    name = "backups"
    waits = True
    jobs = ()

    def __init__(self, sources: Sources) -> None:
        self._folder = sources.config.backups.path
        self._shop = sources.config.shop
        self._clock = sources.clock
        self._sources = sources

    def collect(self) -> Collected:
        """Read the folder; a kind that must have backups and has none has the number 0 and no time."""
        backups = read_backups(self._folder, shop=self._shop)
        owners = self._owners()
        if self._uploads_are_elsewhere():
            # What was left in the folder is no backup of them, and must not look like one.
            backups = tuple(backup for backup in backups if backup.kind != MEDIA)
            owners[MEDIA] = ()
        return Collected(families=tuple(families_of(backups, owners=owners, now=self._clock())))

    def _owners(self) -> dict[str, tuple[str, ...]]:
        """Return what must have a backup; a database with two names has the backups of one."""
        owners = owners_of(self._sources.config)
        backed_up = self._sources.databases.known_backed_up()
        return {**owners, DATABASE: tuple(name for name in owners[DATABASE] if name in backed_up)}

    def _uploads_are_elsewhere(self) -> bool:
        try:
            description = self._sources.description()
        except ShopError:
            return False
        area = self._sources.config.areas.get(MEDIA)
        root = description.media_root if area is None else area.path
        return root is not None and not holds_uploads(root, description=description)


def families_of(
    backups: Sequence[Backup], *, owners: dict[str, tuple[str, ...]], now: float
) -> Iterator[GaugeMetricFamily]:
    """
    Yield the families for backups in the order of their age; ``owners`` are those that each kind must have.

    A kind is as fresh as the owner that is worst off, and has no time while one of them has no backup. Where
    none must have one, those count that have one; without any the kind is not shown. A backup from the future
    tells no time: its true time is unknown.
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
        expected = owners[kind] or tuple(dict.fromkeys(backup.owner for backup in found))
        if not expected:
            continue
        whole = [backup for backup in found if not backup.problem]
        number.add_metric((kind,), len(whole))
        failed.add_metric((kind,), len(found) - len(whole))
        past = [backup for backup in whole if backup.made <= now + _LENIENCE_SECONDS]
        if past:
            size.add_metric((kind,), past[-1].size_bytes)
        proven = [backup for backup in past if backup.verified is not None]
        for family, counted in ((success, past), (verified, proven)):
            newest = {backup.owner: backup.made for backup in counted}
            if all(owner in newest for owner in expected):
                family.add_metric((kind,), min(newest[owner] for owner in expected))
    yield from (number, failed, size, success, verified)
