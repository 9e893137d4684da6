"""What a collector is, and what a scrape gets from it."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from prometheus_client.core import Metric

from exporter.jobs import Job, Latest


@dataclass(frozen=True, kw_only=True)
class Collected:
    """
    The families of one collector at one scrape.

    ``problems`` tell what is missing in them; the collector then counts as failed although its families
    are shown. ``measured_at`` is the age of the oldest part (seconds since 1970), None for just now.
    ``duration_seconds`` is that of the slow part, None where there is none. ``pending`` means that the first
    measurement has not ended: neither success nor failure.
    """

    families: tuple[Metric, ...] = ()
    problems: tuple[str, ...] = ()
    measured_at: float | None = None
    duration_seconds: float | None = None
    pending: bool = False

    @classmethod
    def from_latest(
        cls, latest: Latest[Any], *, families: tuple[Metric, ...], problems: tuple[str, ...] = ()
    ) -> "Collected":
        """Give what a job last had to show; ``problems`` are those inside its result."""
        told = (latest.problem,) if latest.problem else ()
        return cls(
            families=families,
            problems=(*told, *problems),
            measured_at=latest.measured_at,
            duration_seconds=latest.duration_seconds,
            pending=latest.measured_at is None,
        )


class Collector(Protocol):
    """
    One noun of the metrics page; the file, the class and the label value are named after it.

    ``jobs`` are its slow parts, run beside the scrapes. ``collect`` must be quick; it may raise.
    """

    @property
    def name(self) -> str:
        """The value of the label ``collector``."""

    @property
    def waits(self) -> bool:
        """Tell whether ``collect`` asks a disk or a database, which may hang, and not only our own memory."""

    @property
    def jobs(self) -> Sequence[Job[Any]]:
        """Its slow parts."""

    def collect(self) -> Collected:
        """Give new families; those of slow parts from the last complete result."""
