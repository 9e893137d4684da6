"""Everything that measures one shop for one version of its config: collectors, jobs and their start."""

import threading
import time
from collections.abc import Callable
from typing import Any

from exporter.collectors import COLLECTORS
from exporter.comparisons import Comparisons
from exporter.jobs import Job
from exporter.scrape import Scraper
from exporter.shop_memory import ShopMemory
from exporter.sources import Sources
from storekeeper.config import Config
from storekeeper.measure.areas import area_walks, walk_budget
from storekeeper.measure.databases import Databases
from storekeeper.measure.scanner.priority import yield_disk
from storekeeper.shop import ShopDescription


class Measuring:
    """
    The measurements of one config; ``scraper`` shows them.

    ``describe`` asks the shop and may start a process; it is called beside the scrapes and may raise
    ShopError. A changed config needs a new object: series of things that are gone then end by themselves.
    With ``keep_state`` what the walks know is kept in the config's state folder, by one service alone.
    """

    def __init__(
        self,
        config: Config,
        *,
        describe: Callable[[], ShopDescription],
        clock: Callable[[], float] = time.time,
        keep_state: bool = False,
    ) -> None:
        self.config = config
        self._stopping = threading.Event()
        self.shop = ShopMemory(describe, clock=clock)
        interval = config.exporter.interval.seconds or 60.0
        walks = area_walks(config, keep_state=keep_state, stopping=self._stopping, clock=clock)
        scans = {
            name: Job(f"scan of {name}", walk, interval_seconds=interval, clock=clock, prepare=yield_disk)
            for name, walk in walks.items()
        }
        self.sources = Sources(
            config=config,
            description=self.shop,
            databases=Databases(config, description=self.shop),
            scans=scans,
            files=Job(
                "comparison of files and rows",
                Comparisons(
                    config,
                    description=self.shop,
                    walks=walks,
                    clock=clock,
                    budget=walk_budget(config),
                    cancelled=self._stopping,
                ),
                interval_seconds=interval,
                clock=clock,
                # It begins when the walks have ended, so that it need not walk once more.
                after=[scans[name] for name in config.areas],
                prepare=yield_disk,
            ),
            clock=clock,
        )
        collectors = [make(self.sources) for make in COLLECTORS.values()]
        self.scraper = Scraper(collectors, clock=clock)

    @property
    def jobs(self) -> tuple[Job[Any], ...]:
        """Give all work that runs beside the scrapes, in the order in which one may need the other."""
        own = [job for collector in self.scraper.collectors for job in collector.jobs]
        return (self.shop.job, *self.sources.scans.values(), self.sources.files, *own)

    @property
    def ready(self) -> bool:
        """Tell whether every measurement was attempted; one that failed says so on the page."""
        return all(job.latest.attempts for job in self.jobs)

    def run_once(self) -> None:
        """Measure everything once in the calling thread."""
        for job in self.jobs:
            job.run_once()

    def start(self) -> None:
        """Begin to measure beside the scrapes, at once."""
        for job in self.jobs:
            job.start()

    def wait_until_ready(self, *, timeout_seconds: float) -> bool:
        """Wait for the first attempt of every measurement; tell whether all have ended."""
        until = time.monotonic() + timeout_seconds
        return all(
            job.wait_for_attempt(timeout_seconds=max(0.0, until - time.monotonic())) for job in self.jobs
        )

    def stop(self) -> None:
        """End: walks stop at the next folder, nothing is begun again, no connection stays open."""
        self._stopping.set()
        for job in self.jobs:
            job.stop()
        self.sources.databases.close()
