"""The config file, watched: a changed one is taken into use, a broken one leaves the last good one there."""

import logging
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final

from prometheus_client.core import GaugeMetricFamily
from prometheus_client.metrics_core import Metric

from storekeeper.config import Config, load_config
from storekeeper.errors import ConfigurationError
from storekeeper.web.tls import version_of

logger = logging.getLogger(__name__)

LOOK_SECONDS: Final = 1.0


class ConfigWatch:
    """
    Looks at the config file each second, in a thread of its own.

    ``use`` takes a new config into use, all of it or, with a ConfigurationError, nothing.
    """

    def __init__(
        self,
        file: Path,
        *,
        use: Callable[[Config], None],
        look_seconds: float = LOOK_SECONDS,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._file = file
        self._use = use
        self._look_seconds = look_seconds
        self._clock = clock
        self._seen = version_of(file)
        self._status = (True, clock())
        self._asked = threading.Event()
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._watch, name="config", daemon=True)

    def status(self) -> tuple[bool, float]:
        """Tell whether the file as it is now is in use, and when the config in use was read."""
        return self._status

    def start(self) -> None:
        """Begin to watch."""
        self._thread.start()

    def ask(self) -> None:
        """Have the file read again soon, changed or not; safe in a signal handler."""
        self._asked.set()

    def stop(self) -> None:
        """End the watching; a config that is being taken into use is in use afterwards."""
        self._stopping.set()
        self._asked.set()
        if self._thread.is_alive():
            self._thread.join()

    def reload(self) -> bool:
        """Read the file now; tell whether its config is in use."""
        self._seen = version_of(self._file)
        try:
            self._use(load_config(self._file))
        except ConfigurationError as error:
            logger.error("the config in use stays: %s", error)
            self._status = (False, self._status[1])
            return False
        self._status = (True, self._clock())
        logger.info("read %s anew", self._file)
        return True

    def _watch(self) -> None:
        while not self._stopping.is_set():
            asked = self._asked.wait(self._look_seconds)
            self._asked.clear()
            if self._stopping.is_set():
                return
            if asked or version_of(self._file) != self._seen:
                try:
                    self.reload()
                except Exception:
                    # The edge of this thread: the receiver goes on with what it has.
                    logger.exception("the config in use stays")
                    self._status = (False, self._status[1])


def config_families(successful: bool, moment: float) -> Iterator[Metric]:
    """Give how the last reading of the config file went."""
    yield GaugeMetricFamily(
        "storekeeper_config_last_reload_successful",
        "1 when the config file, as it is now, is in use; 0 when it is broken and the one before is.",
        value=int(successful),
    )
    yield GaugeMetricFamily(
        "storekeeper_config_last_reload_success_timestamp_seconds",
        "When the config in use was read, in seconds since 1970.",
        value=moment,
    )
