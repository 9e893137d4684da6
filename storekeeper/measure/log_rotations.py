"""Which logs of one area are due for rotation: the exporter's alert and the rotation's plan both ask here."""

import datetime as dt
from collections.abc import Iterable

from storekeeper.config import Config
from storekeeper.files import FoundFile
from storekeeper.measure.log_periods import Period
from storekeeper.measure.log_records import Handled, read_records
from storekeeper.measure.logs import Due, LogAges, LogNames, due, last_archived, why_kept


class LogRotations:
    """The rotation of an area's logs as the config wants it; ``files`` are all files of the area."""

    def __init__(self, config: Config, *, area: str, files: Iterable[FoundFile], now: dt.datetime) -> None:
        self.names = LogNames(include=config.logs.include)
        self.period = Period.of(now.date(), kind=config.logs.rotate)
        self._now = now
        self._area = area
        self._archived = last_archived(files)
        self._records = read_records(config.state)

    @property
    def runs(self) -> tuple[int, ...]:
        """Return when rotations ran, in seconds since 1970."""
        return self._records.runs

    def handled_before(self, file: FoundFile) -> Handled | None:
        """Return what a rotation noted of this very file."""
        handled = self._records.handled.get(f"{self._area}/{file.name}")
        return handled if handled and handled.is_of(device=file.device, inode=file.inode) else None

    def due(self, file: FoundFile, *, log: str, ages: LogAges) -> Due | None:
        """Return why a file is due, None when it is not; ``log`` is the log that it belongs to."""
        return due(
            ages,
            kind=self.period.kind,
            now=self._now,
            archived=self._archived.get(log),
            handled=self.handled_before(file),
        )

    def oldest_day(self, *, log: str, ages: LogAges) -> dt.date | None:
        """Return the day of the oldest line, None where none tells; none is from before the last archive."""
        if ages.oldest is None:
            return None
        archived = dt.datetime.fromtimestamp(self._archived.get(log, 0), tz=self._now.tzinfo)
        return min(max(ages.oldest, archived), ages.newest).date()

    def due_since(self, file: FoundFile, *, ages: LogAges) -> float | None:
        """Return since when a log is due, in seconds since 1970; None where it is not, or nobody knows."""
        if not file.size_bytes or not self.names.is_log(file.name) or why_kept(file.name, links=file.links):
            return None
        found = self.due(file, log=file.name, ages=ages)
        return found.since.timestamp() if found and found.since else None
