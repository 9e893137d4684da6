"""Run an ASGI application as a service: TLS, limits, a graceful stop; in this thread or in one of its own."""

import asyncio
import logging
import signal
import socket
import ssl
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from types import FrameType
from typing import Any, Final

import uvicorn

from storekeeper.errors import StorekeeperError
from storekeeper.web.http_protocol import ImpatientProtocol
from storekeeper.web.listen import ListenAddress, open_listener

logger = logging.getLogger(__name__)

HEADER_BYTES: Final = 16 * 1024
KEEP_ALIVE_SECONDS: Final = 75
CONNECTIONS: Final = 256
HANDSHAKE_SECONDS: Final = 10.0
GRACE_SECONDS: Final = 10
START_SECONDS: Final = 30.0
STOP_SIGNALS: Final = (signal.SIGINT, signal.SIGTERM)


class _Loop(asyncio.SelectorEventLoop):
    """An event loop that leaves a client less than asyncio's minute for the TLS handshake."""

    def __init__(self, *, handshake_seconds: float) -> None:
        super().__init__()
        self._handshake_seconds = handshake_seconds

    async def create_server(self, *arguments: Any, **options: Any) -> asyncio.Server:
        """Listen."""
        if options.get("ssl") is not None:
            options["ssl_handshake_timeout"] = self._handshake_seconds
        return await super().create_server(*arguments, **options)


class _Server(uvicorn.Server):
    """uvicorn without its own handling of signals, which raises them once more after the stop."""

    def __init__(self, config: uvicorn.Config, *, handshake_seconds: float) -> None:
        super().__init__(config)
        self._handshake_seconds = handshake_seconds

    def run(self, sockets: list[socket.socket] | None = None) -> None:
        """Serve until the end."""
        with asyncio.Runner(loop_factory=lambda: _Loop(handshake_seconds=self._handshake_seconds)) as runner:
            runner.run(self.serve(sockets=sockets))

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Leave the signals to WebServer."""
        yield


class WebServer:
    """
    One application on one or more addresses, which are bound at once: a taken port is known before a start.

    ``tls`` None means plain HTTP. Raises ConfigurationError for an address that cannot be had.
    """

    def __init__(
        self,
        app: Any,
        *,
        listen: Sequence[ListenAddress],
        tls: ssl.SSLContext | None = None,
        protocol: type[ImpatientProtocol] = ImpatientProtocol,
        handshake_seconds: float = HANDSHAKE_SECONDS,
    ) -> None:
        self._sockets = []
        try:
            for address in listen:
                self._sockets.append(open_listener(address))
        except StorekeeperError:
            self.close()
            raise
        self.ports: tuple[int, ...] = tuple(bound.getsockname()[1] for bound in self._sockets)
        self._tls = tls
        self._thread: threading.Thread | None = None
        config = uvicorn.Config(
            app,
            http=protocol,
            interface="asgi3",
            ws="none",
            lifespan="off",
            log_config=None,
            access_log=False,
            server_header=False,
            # Whose address a request comes from is a matter of logs alone; nobody's header is trusted.
            proxy_headers=False,
            limit_concurrency=CONNECTIONS,
            h11_max_incomplete_event_size=HEADER_BYTES,
            timeout_keep_alive=KEEP_ALIVE_SECONDS,
            timeout_graceful_shutdown=GRACE_SECONDS,
        )
        config.load()
        config.ssl = tls
        self._server = _Server(config, handshake_seconds=handshake_seconds)

    @property
    def port(self) -> int:
        """Give the port of the first address, as the system chose it for port 0."""
        return self.ports[0]

    @property
    def scheme(self) -> str:
        """Give ``https`` or ``http``."""
        return "https" if self._tls else "http"

    def run(self, *, on_signal: Callable[[int], None] = lambda _: None) -> None:
        """
        Serve until ``stop`` or, in the main thread, until SIGTERM or SIGINT; then finish open requests.

        ``on_signal`` hears the signal first, so that the caller's own work stops at the same time.
        """
        if threading.current_thread() is not threading.main_thread():
            self._server.run(sockets=self._sockets)
            return

        def stop(number: int, _: FrameType | None) -> None:
            on_signal(number)
            self._server.handle_exit(number, None)

        previous = {number: signal.getsignal(number) for number in STOP_SIGNALS}
        try:
            for number in STOP_SIGNALS:
                signal.signal(number, stop)
            self._server.run(sockets=self._sockets)
        finally:
            for number, handler in previous.items():
                signal.signal(number, handler)
            self.close()

    def start(self) -> None:
        """Serve in a thread; returns when requests are answered."""
        self._thread = threading.Thread(
            target=self._server.run, args=(self._sockets,), name="web", daemon=True
        )
        self._thread.start()
        waited = threading.Event()
        for _ in range(int(START_SECONDS / 0.01)):
            if self._server.started or not self._thread.is_alive():
                break
            waited.wait(0.01)
        if not self._server.started:
            raise StorekeeperError("the web server did not start", hint="Its log says why")

    def stop(self) -> None:
        """Finish open requests, take no new ones, and end; may be called from any thread, and twice."""
        self._server.should_exit = True
        if self._thread is not None:
            self._thread.join(GRACE_SECONDS + 5)
            self._thread = None
        self.close()

    def close(self) -> None:
        """Give the addresses back."""
        for bound in self._sockets:
            bound.close()
