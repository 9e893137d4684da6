"""The bars of the page: how full everything with a limit is."""

import datetime as dt
import logging
import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from storekeeper.measure.resources import STORAGE
from storekeeper.measure.usage import Part, UsageReader

logger = logging.getLogger(__name__)

# The guide's thresholds, from the worst down; the alert rules have the same.
LEVELS: Final = ((0.95, "emergency"), (0.90, "critical"), (0.80, "warning"))
FINE: Final = "fine"
UNKNOWN: Final = "unknown"
# Walking a large media folder at each look at the page would be load without use.
KEPT_SECONDS: Final = 30.0
WAIT_SECONDS: Final = 1.5
# From the one that nobody may miss down.
_ORDER: Final = ("emergency", "critical", UNKNOWN, "warning", FINE)


@dataclass(frozen=True, kw_only=True)
class Gauge:
    """One bar; ``level`` is a word besides the colour, ``ratio`` None where it cannot be read now."""

    name: str
    resource: str = ""
    """As alerts and runs name it."""
    used_bytes: int = 0
    capacity_bytes: int = 0
    ratio: float | None = None
    level: str = FINE
    problem: str = ""

    @property
    def free_bytes(self) -> int:
        """Give what is left below the limit; negative above it."""
        return self.capacity_bytes - self.used_bytes


@dataclass(frozen=True, kw_only=True)
class Reading:
    """All gauges, the worst first, and when they were read; ``read_at`` is None before the first time."""

    gauges: tuple[Gauge, ...] = ()
    read_at: dt.datetime | None = None


class GaugeKeeper:
    """
    Reads the gauges beside the requests and gives the last complete reading.

    A page is there at once, however large the folders are: it waits WAIT_SECONDS for a new reading and
    else shows the one before with its time.
    """

    def __init__(
        self,
        read: Callable[[], tuple[Gauge, ...]],
        *,
        now: Callable[[], dt.datetime],
        wait_seconds: float = WAIT_SECONDS,
    ) -> None:
        self._read = read
        self._now = now
        self._wait_seconds = wait_seconds
        self._lock = threading.Lock()
        self._ready: threading.Event | None = None
        self._latest = Reading()

    def latest(self, *, changed: dt.datetime | None = None) -> Reading:
        """Give the last reading; one from before ``changed``, or older than KEPT_SECONDS, is renewed."""
        with self._lock:
            if self._ready is None and self._is_old(changed):
                self._ready = threading.Event()
                threading.Thread(target=self._renew, name="gauges", daemon=True).start()
            ready = self._ready
        if ready is not None:
            ready.wait(self._wait_seconds)
        return self._latest

    def _is_old(self, changed: dt.datetime | None) -> bool:
        read_at = self._latest.read_at
        if read_at is None or (changed is not None and read_at < changed):
            return True
        # A clock that was set back must not keep old figures until it has caught up.
        return not 0 <= (self._now() - read_at).total_seconds() <= KEPT_SECONDS

    def _renew(self) -> None:
        begun = self._now()
        try:
            gauges = sorted(self._read(), key=_importance)
            self._latest = Reading(gauges=tuple(gauges), read_at=begun)
        except Exception:
            # The edge of this thread: the page goes on showing the reading before, with its time.
            logger.exception("the fill levels cannot be read")
        finally:
            with self._lock:
                ready, self._ready = self._ready, None
            if ready is not None:
                ready.set()


def read_gauges(usage: UsageReader) -> tuple[Gauge, ...]:
    """Return a gauge for each database, area and disk with a limit, and for all of it together."""
    return tuple(gauge for part in usage.parts() if (gauge := _gauge(part)))


def level_of(ratio: float) -> str:
    """Give the word for a share of a limit."""
    return next((word for limit, word in LEVELS if ratio > limit), FINE)


def _gauge(part: Part) -> Gauge | None:
    resource = part.resource
    name = "all together" if resource.kind == STORAGE else f"{resource.kind} {resource.name}".strip()
    if part.problem:
        logger.warning("the usage of %s cannot be read: %s", name, part.problem)
        return Gauge(name=name, resource=str(resource), level=UNKNOWN, problem=part.problem)
    usage = part.usage
    if usage is None:
        return None
    return Gauge(
        name=name,
        resource=str(resource),
        used_bytes=usage.used_bytes,
        capacity_bytes=usage.capacity_bytes,
        ratio=usage.ratio,
        level=level_of(usage.ratio),
    )


def _importance(gauge: Gauge) -> tuple[int, float]:
    return _ORDER.index(gauge.level), -(gauge.ratio or 0)
