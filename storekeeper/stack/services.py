"""Start programs that belong together, see that each is ready, and end all when one ends."""

import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Self

import requests

from storekeeper import processes
from storekeeper.errors import ProcessFailed

READY_SECONDS = 60.0
_POLL_SECONDS = 0.2
_REQUEST_SECONDS = 2.0


@dataclass(frozen=True, kw_only=True)
class Service:
    """A program with its arguments; it is ready when ``url + ready_path`` answers with success."""

    name: str
    arguments: Sequence[str | Path]
    url: str
    ready_path: str = "/-/ready"
    environment: Mapping[str, str] = field(default_factory=dict)


class Services(AbstractContextManager["Services"]):
    """
    Running services, started in order, each when the one before is ready, and ended in reverse order.

    Each writes to ``NAME.log`` in ``folder``.

    They do not hear the terminal's Ctrl-C, so that they end in order and once.
    """

    def __init__(
        self,
        services: Sequence[Service],
        *,
        folder: Path,
        clock: Callable[[], float] = time.monotonic,
        pause: Callable[[float], None] = time.sleep,
    ) -> None:
        self._services = services
        self._folder = folder
        self._clock = clock
        self._pause = pause
        self._running: list[tuple[Service, subprocess.Popen[bytes]]] = []

    def __enter__(self) -> Self:
        self._folder.mkdir(parents=True, exist_ok=True)
        try:
            for service in self._services:
                with self._log(service).open("wb") as log:
                    process = processes.start(
                        service.arguments,
                        directory=self._folder,
                        environment=service.environment,
                        output=log,
                        errors=subprocess.STDOUT,
                        own_group=True,
                    )
                self._running.append((service, process))
                self._wait_until_ready(service)
        except BaseException:
            self._stop()
            raise
        return self

    def _wait_until_ready(self, service: Service) -> None:
        """Return when the service answers; raises ProcessFailed when one ends or it does not in time."""
        deadline = self._clock() + READY_SECONDS
        while not _answers(service.url + service.ready_path):
            self.check()
            if self._clock() > deadline:
                raise ProcessFailed(
                    f"{service.name} was not ready in {READY_SECONDS:g} seconds: {self._words(service)}"
                )
            self._pause(_POLL_SECONDS)

    def check(self) -> None:
        """Raise ProcessFailed, with its last words, when a service has ended."""
        for service, process in self._running:
            if process.poll() is not None:
                raise ProcessFailed(
                    f"{service.name} ended with code {process.returncode}: {self._words(service)}",
                    hint=f"Its whole log: {self._log(service)}",
                )

    def process_id(self, name: str) -> int:
        """Give the process number of a service."""
        return next(process.pid for service, process in self._running if service.name == name)

    def _log(self, service: Service) -> Path:
        return self._folder / f"{service.name}.log"

    def _words(self, service: Service) -> str:
        return processes.last_words(self._log(service).read_bytes())

    def _stop(self) -> None:
        for _, process in reversed(self._running):
            processes.stop(process)
        self._running.clear()

    def __exit__(
        self,
        error_type: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._stop()


def _answers(url: str) -> bool:
    try:
        return requests.get(url, timeout=_REQUEST_SECONDS).ok
    except requests.RequestException:
        return False
