"""
The one wrapper around all collectors: none hides another, none is waited for too long.

Each that asks a disk or a database runs in a thread of its own. One that hangs is reported as failed at every
scrape and is not started again while it still hangs; the others are served at once.
"""

import logging
import threading
import time
from collections.abc import Callable, Collection, Iterator, Sequence

from prometheus_client.core import GaugeMetricFamily, Metric

from exporter.collectors.collector import Collected, Collector
from exporter.flight import Flights

logger = logging.getLogger(__name__)

# Prometheus' own default, and what is kept back for writing and sending the page.
DEFAULT_TIMEOUT_SECONDS = 10.0
MARGIN_SECONDS = 0.5


def deadline_seconds(header: str | None) -> float:
    """Give the time for one scrape from ``X-Prometheus-Scrape-Timeout-Seconds``, less a margin."""
    try:
        asked = float(header) if header else DEFAULT_TIMEOUT_SECONDS
    except ValueError:
        asked = DEFAULT_TIMEOUT_SECONDS
    if not 0 < asked < 3600:
        asked = DEFAULT_TIMEOUT_SECONDS
    # Of a very short time at least half is used.
    return max(asked - MARGIN_SECONDS, asked / 2)


class Scraper:
    """All collectors behind one door; remembers when each last succeeded."""

    def __init__(self, collectors: Sequence[Collector], *, clock: Callable[[], float] = time.time) -> None:
        self.collectors = tuple(collectors)
        self._clock = clock
        self._lock = threading.Lock()
        self._flights: Flights[Collected] = Flights()
        self._last_success: dict[str, float] = {}
        self._told: dict[str, str] = {}

    @property
    def names(self) -> tuple[str, ...]:
        """Give the names of the collectors, for ``collect[]``."""
        return tuple(collector.name for collector in self.collectors)

    def scrape(self, *, timeout_seconds: float, only: Collection[str] = ()) -> Iterator[Metric]:
        """Give the families of all collectors, or of those in ``only``, and how each of them did."""
        until = time.monotonic() + timeout_seconds
        chosen = [collector for collector in self.collectors if not only or collector.name in only]
        flights = {
            collector.name: self._flights.ask(collector.name, collector.collect)
            for collector in chosen
            if collector.waits
        }
        success = GaugeMetricFamily(
            "storekeeper_collector_success",
            "1 when the collector measured everything at its last attempt, else 0.",
            labels=("collector",),
        )
        duration = GaugeMetricFamily(
            "storekeeper_collector_duration_seconds",
            "How long the collector's last measurement took, in the scrape or beside it.",
            labels=("collector",),
        )
        last_success = GaugeMetricFamily(
            "storekeeper_collector_last_success_timestamp_seconds",
            "When what the collector shows was last measured completely, in seconds since 1970.",
            labels=("collector",),
        )
        for collector in chosen:
            name = collector.name
            flight = flights.get(name)
            began = time.monotonic()
            try:
                collected = flight.wait(until=until) if flight else collector.collect()
            except Exception as error:  # noqa: BLE001 - an edge: one collector's failure is told, the others go on
                collected = Collected(problems=(str(error) or type(error).__name__,))
                self._tell(name, collected.problems, error=None if isinstance(error, TimeoutError) else error)
            else:
                self._tell(name, collected.problems, error=None)
            succeeded = not collected.problems
            yield from collected.families
            took = flight.duration_seconds if flight else time.monotonic() - began
            duration.add_metric((name,), collected.duration_seconds or took)
            if collected.pending and succeeded:
                continue
            success.add_metric((name,), int(succeeded))
            with self._lock:
                if succeeded:
                    self._last_success[name] = collected.measured_at or self._clock()
                moment = self._last_success.get(name)
            if moment is not None:
                last_success.add_metric((name,), moment)
        yield from (success, duration, last_success)

    def _tell(self, name: str, problems: tuple[str, ...], *, error: Exception | None) -> None:
        """Log a problem when it appears or changes, not at every scrape."""
        text = "; ".join(problems)
        with self._lock:
            if self._told.get(name, "") == text:
                return
            self._told[name] = text
        if text:
            expected = error is None or hasattr(error, "hint")
            logger.warning("collector %s: %s", name, text, exc_info=None if expected else error)
        else:
            logger.info("collector %s measures everything again", name)
