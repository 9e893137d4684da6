"""The measurements in use, replaced when the config changes; a broken config changes nothing."""

import logging
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Final

from exporter.measuring import Measuring
from storekeeper.config import Config, load_config
from storekeeper.errors import ConfigurationError
from storekeeper.web.tls import version_of

logger = logging.getLogger(__name__)

LOOK_SECONDS: Final = 1.0
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
        self._file = config_file
        self._make = make
        self._clock = clock
        self._seen = version_of(config_file)
        self._measuring = make(load_config(config_file))
        self._status = (True, clock())
        self._asked = threading.Event()
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._watch, name="config", daemon=True)

    def current(self) -> Measuring:
        """Give the measurements in use."""
        return self._measuring

    def status(self) -> tuple[bool, float]:
        """Tell whether the file as it is now is in use, and when the config in use was read."""
        return self._status

    def start(self) -> None:
        """Begin to measure and to watch the file."""
        self._measuring.start()
        self._thread.start()

    def ask(self) -> None:
        """Have the file read again soon, changed or not; safe in a signal handler."""
        self._asked.set()

    def stop(self) -> None:
        """End the watching and the measuring."""
        self._stopping.set()
        self._asked.set()
        self._measuring.stop()

    def reload(self) -> bool:
        """Read the file now; tell whether its config is in use."""
        self._seen = version_of(self._file)
        try:
            config = load_config(self._file)
        except ConfigurationError as error:
            logger.error("the config in use stays: %s", error)
            self._status = (False, self._status[1])
            return False
        if config != self._measuring.config:
            fresh = self._make(config)
            fresh.start()
            fresh.wait_until_ready(timeout_seconds=SETTLE_SECONDS)
            old, self._measuring = self._measuring, fresh
            old.stop()
        self._status = (True, self._clock())
        logger.info("read %s anew", self._file)
        return True

    def _watch(self) -> None:
        while not self._stopping.is_set():
            asked = self._asked.wait(LOOK_SECONDS)
            self._asked.clear()
            if self._stopping.is_set():
                return
            if asked or version_of(self._file) != self._seen:
                try:
                    self.reload()
                except Exception:
                    # The edge of this thread: the exporter goes on, and hears of the next change.
                    logger.exception("the config in use stays")
                    self._status = (False, self._status[1])
