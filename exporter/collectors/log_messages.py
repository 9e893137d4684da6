"""The shop's logs: how many warnings and errors come, and how far back they reach."""

import datetime as dt
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final
from zoneinfo import ZoneInfo

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily

from exporter.collectors.collector import Collected
from exporter.jobs import Job
from exporter.log_file import LogFile
from exporter.sources import Sources
from storekeeper.errors import ShopError
from storekeeper.files import Tree
from storekeeper.measure.areas import LOGS
from storekeeper.measure.log_rotations import LogRotations
from storekeeper.measure.logs import LogAges, read_ages
from storekeeper.shop import ShopDescription

# django_2025_11.log, django-20251101.log, django.2025-11-01.log: put away by a rotation.
ARCHIVE: Final = re.compile(r"[-_.]\d{4}[-_]?\d\d([-_]?\d\d)?([-_T.]?\d{2,6})*\.log$")


@dataclass(frozen=True, kw_only=True)
class LogUsage:
    """
    One log: the events by level since we began, the time of its oldest line, since when it is to be rotated.

    Seconds since 1970; None where no line tells, or it is not due.
    """

    messages: Mapping[str, int]
    oldest_line: float | None
    due_since: float | None


class LogReader:
    """Follows every log in the area; holds the counts for the life of the exporter."""

    def __init__(self, sources: Sources) -> None:
        self._sources = sources
        self._files: dict[str, LogFile] = {}
        self._first = True

    def __call__(self) -> Mapping[str, LogUsage]:
        """Read what is new in each log; the key is the file's name below the area."""
        area = self._sources.config.areas.get(LOGS)
        if area is None or not area.path.exists():
            return {}
        description = self._description()
        zone = ZoneInfo(description.time_zone) if description and description.time_zone else None
        with Tree(area.path) as tree:
            files = {file.name: file for file in tree.walk()}
            names = [name for name in files if is_log(name)]
            root = tree.root
        names += [name for name in handled_logs(description, root=root) if name not in names]
        for name in names:
            if name not in self._files:
                # What a log held before us was counted by nobody, and is not news.
                self._files[name] = LogFile(root / name, from_start=not self._first)
        self._first = False
        for name in set(self._files) - set(names):
            del self._files[name]
        now = dt.datetime.fromtimestamp(self._sources.clock()).astimezone()
        rotations = LogRotations(self._sources.config, area=LOGS, files=files.values(), now=now)
        usages = {}
        for name in sorted(names):
            self._files[name].read()
            ages = _ages(root / name, zone=zone, now=now)
            usages[name] = LogUsage(
                messages=dict(self._files[name].counts),
                oldest_line=ages.oldest.timestamp() if ages and ages.oldest else None,
                due_since=rotations.due_since(files[name], ages=ages) if ages and name in files else None,
            )
        return usages

    def _description(self) -> ShopDescription | None:
        try:
            return self._sources.description()
        except ShopError:
            # Without the shop the files themselves still tell which are logs.
            return None


def _ages(path: Path, *, zone: ZoneInfo | None, now: dt.datetime) -> LogAges | None:
    try:
        with path.open("rb") as file:
            return read_ages(file, zone=zone, now=now)
    except FileNotFoundError:
        return None


def is_log(name: str) -> bool:
    """Tell whether a file is a log that is written to, not one that was put away."""
    return name.endswith(".log") and ARCHIVE.search(name) is None


def handled_logs(description: ShopDescription | None, *, root: Path) -> list[str]:
    """Give the files below ``root`` that the shop's logging writes, whatever they are called."""
    if description is None:
        return []
    names = []
    for log in description.log_files:
        path = log.path.resolve()
        if root in path.parents and path.is_file():
            names.append(path.relative_to(root).as_posix())
    return names


class LogMessagesCollector:
    """Expose lines at WARNING or worse for each log and level, its oldest line, and since when it is due."""

    name = "log_messages"
    waits = False

    def __init__(self, sources: Sources) -> None:
        self.job: Job[Mapping[str, LogUsage]] = Job(
            "logs", LogReader(sources), interval_seconds=sources.interval_seconds, clock=sources.clock
        )
        self.jobs = (self.job,)

    def collect(self) -> Collected:
        """Give the counts of the last reading."""
        latest = self.job.latest
        messages = CounterMetricFamily(
            "storekeeper_log_messages",
            "Lines at WARNING or worse written since the exporter began. Read beside the scrapes.",
            labels=("file", "level"),
        )
        oldest = GaugeMetricFamily(
            "storekeeper_log_oldest_line_timestamp_seconds",
            "Time of the oldest line in the log, in seconds since 1970. Read beside the scrapes.",
            labels=("file",),
        )
        due = GaugeMetricFamily(
            "storekeeper_log_rotation_due_timestamp_seconds",
            "Since when a log with lines of a past period is to be rotated, in seconds since 1970; no series"
            " when it is not, or a run has rotated it as far as it can be. Read beside the scrapes.",
            labels=("file",),
        )
        for name, usage in (latest.value or {}).items():
            for level, count in usage.messages.items():
                messages.add_metric((name, level), count)
            if usage.oldest_line is not None:
                oldest.add_metric((name,), usage.oldest_line)
            if usage.due_since is not None:
                due.add_metric((name,), usage.due_since)
        return Collected.from_latest(latest, families=(messages, oldest, due))
