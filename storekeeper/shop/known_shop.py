"""What the shop last said about itself, kept for a while: to start a Django takes seconds."""

import threading
import time
from collections.abc import Callable
from typing import Final

from storekeeper.errors import ShopError
from storekeeper.shop.description import ShopDescription

FRESH_SECONDS: Final = 300.0


class KnownShop:
    """
    Called for the description of a shop; asks again when the last answer is old. Safe for several threads.

    A shop that breaks later is still known as it was last; one that never answered raises ShopError.
    """

    def __init__(
        self,
        ask: Callable[[], ShopDescription],
        *,
        fresh_seconds: float = FRESH_SECONDS,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._ask = ask
        self._fresh_seconds = fresh_seconds
        self._clock = clock
        self._lock = threading.Lock()
        self._known: ShopDescription | None = None
        self._asked = 0.0

    def __call__(self) -> ShopDescription:
        """Return the description."""
        with self._lock:
            now = self._clock()
            if self._known is None or now - self._asked >= self._fresh_seconds:
                try:
                    self._known = self._ask()
                except ShopError:
                    if self._known is None:
                        raise
                self._asked = now
            return self._known
