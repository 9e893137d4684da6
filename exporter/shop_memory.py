"""What the shop last said about itself, asked anew beside the scrapes."""

import time
from collections.abc import Callable
from typing import Final

from exporter.jobs import Job
from storekeeper.errors import ShopError
from storekeeper.shop import ShopDescription

# Starting a Django takes seconds; what it tells changes with a deployment.
REFRESH_SECONDS: Final = 600.0
# How long after the start a caller waits for the first answer rather than go without.
PATIENCE_SECONDS: Final = 5.0
# A shop that is broken is asked again sooner: somebody is mending it.
RETRY_SECONDS: Final = 30.0


class ShopMemory:
    """
    The description of the shop, kept.

    A shop that breaks later is still known as it was last; one that never answered raises ShopError.
    """

    def __init__(
        self,
        ask: Callable[[], ShopDescription],
        *,
        refresh_seconds: float = REFRESH_SECONDS,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._patient_until = time.monotonic() + PATIENCE_SECONDS
        self.job = Job(
            "the shop", ask, interval_seconds=refresh_seconds, retry_seconds=RETRY_SECONDS, clock=clock
        )

    def __call__(self) -> ShopDescription:
        """Give the description; starts no process, and waits only in the first seconds of our life."""
        self.job.wait_for_attempt(timeout_seconds=max(0.0, self._patient_until - time.monotonic()))
        latest = self.job.latest
        if latest.value is not None:
            return latest.value
        raise ShopError(latest.problem or "the shop has not answered yet")
