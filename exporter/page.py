"""One page of metrics, in the format that the reader asks for."""

from collections.abc import Callable, Collection, Iterator

from prometheus_client import GCCollector, PlatformCollector, ProcessCollector
from prometheus_client.core import CollectorRegistry, Metric

from exporter.rendering import Rendering
from exporter.scrape import Scraper
from storekeeper.config.watch_families import config_families
from storekeeper.shop_label import with_shop


class Page:
    """
    The families of one scrape, after those about the config and this process, all with the label ``shop``.

    ``reloaded`` tells whether the last reading of the config went well, and when it last did. ``rendering``
    remembers the pages before.
    """

    def __init__(
        self,
        scraper: Scraper,
        *,
        shop: str,
        timeout_seconds: float,
        only: Collection[str] = (),
        reloaded: Callable[[], tuple[bool, float]] | None = None,
        process_families: bool = True,
        rendering: Rendering | None = None,
    ) -> None:
        self._scraper = scraper
        self._shop = shop
        self._timeout_seconds = timeout_seconds
        self._only = only
        self._reloaded = reloaded
        self._process_families = process_families
        self._rendering = rendering or Rendering()

    def collect(self) -> Iterator[Metric]:
        """Yield new families."""
        return with_shop(self._families(), shop=self._shop)

    def _families(self) -> Iterator[Metric]:
        yield from self._scraper.scrape(timeout_seconds=self._timeout_seconds, only=self._only)
        if self._reloaded is not None:
            yield from config_families(*self._reloaded())
        if self._process_families and not self._only:
            yield from _PROCESS.collect()

    def encode(self, accept: str) -> tuple[bytes, str]:
        """Give the page and its content type for an ``Accept`` header."""
        return self._rendering.encode(self.collect, accept=accept)


def _process_registry() -> CollectorRegistry:
    registry = CollectorRegistry()
    ProcessCollector(registry=registry)
    PlatformCollector(registry=registry)
    GCCollector(registry=registry)
    return registry


_PROCESS = _process_registry()
