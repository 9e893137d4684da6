"""The measurements in use, replaced when the config changes; a broken config changes nothing."""

import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Final

from exporter.measuring import Measuring
from storekeeper.config import Config, load_config
from storekeeper.config.watch import ConfigWatch

# New measurements replace the old ones when they have something to show, or after this long.
SETTLE_SECONDS: Final = 30.0


class Reloading:
    """
    Watches the config file and holds the measurements of its last good version.

    Raises ConfigurationError when the file cannot be used at the start.
    """

    def __init__(
        self,
        config_file: Path,
        *,
        make: Callable[[Config], Measuring],
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._make = make
        # Made first, so that a change while the file is read is seen.
        self._watch = ConfigWatch(config_file, use=self._use, clock=clock)
        self._measuring = make(load_config(config_file))
        self._coming: Measuring | None = None
        self._stopped = False
        # Reentrant, since ``stop`` may be called in a signal handler.
        self._lock = threading.RLock()

    def current(self) -> Measuring:
        """Give the measurements in use."""
        return self._measuring

    def status(self) -> tuple[bool, float]:
        """Tell whether the file as it is now is in use, and when the config in use was read."""
        return self._watch.status()

    def ask(self) -> None:
        """Have the file read again soon, changed or not; safe in a signal handler."""
        self._watch.ask()

    def start(self) -> None:
        """Begin to measure and to watch the file."""
        self._measuring.start()
        self._watch.start()

    def stop(self) -> None:
        """End the watching and the measuring, also of a config that is just coming into use; never waits."""
        self._watch.stop()
        with self._lock:
            self._stopped = True
            for measuring in (self._measuring, self._coming):
                if measuring is not None:
                    measuring.stop()

    def _use(self, config: Config) -> None:
        if config == self._measuring.config:
            return
        fresh = self._make(config)
        with self._lock:
            if self._stopped:
                return
            self._coming = fresh
            fresh.start()
        fresh.wait_until_ready(timeout_seconds=SETTLE_SECONDS)
        with self._lock:
            old, self._measuring, self._coming = self._measuring, fresh, None
        old.stop()
