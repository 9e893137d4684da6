"""The config file, watched: a changed one is taken into use, a broken one leaves the last good one there."""

import logging
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Final

from storekeeper.config.load import load_config
from storekeeper.config.model import Config
from storekeeper.errors import ConfigurationError
from storekeeper.files.version import version_of

logger = logging.getLogger(__name__)

LOOK_SECONDS: Final = 1.0


class ConfigWatch:
    """
    Looks at the config file each second, in a thread of its own.

    ``use``, called in that thread, takes a new config into use: all of it or, with an exception, nothing.
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
        """Take no further config into use; waits for nothing and is safe in a signal handler."""
        self._stopping.set()
        self._asked.set()

    def join(self) -> None:
        """After ``stop``: wait until a config that is being taken into use is in use."""
        if self._thread.is_alive():
            self._thread.join()

    def _reload(self) -> None:
        self._seen = version_of(self._file)
        try:
            self._use(load_config(self._file))
        except ConfigurationError as error:
            logger.error("the config in use stays: %s", error)
            self._status = (False, self._status[1])
        else:
            self._status = (True, self._clock())
            logger.info("read %s anew", self._file)

    def _watch(self) -> None:
        while not self._stopping.is_set():
            asked = self._asked.wait(self._look_seconds)
            self._asked.clear()
            if self._stopping.is_set():
                return
            if asked or version_of(self._file) != self._seen:
                try:
                    self._reload()
                except Exception:
                    # The edge of this thread: the service goes on, and hears of the next change.
                    logger.exception("the config in use stays")
                    self._status = (False, self._status[1])
