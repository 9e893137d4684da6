"""HTTP/1.1 for services in plain view: a client that is slow, or opens too much, is hung up on."""

import asyncio
from collections.abc import Callable
from typing import Final

import h11
from uvicorn.protocols.http.h11_impl import H11Protocol

HEADER_SECONDS: Final = 10.0
BODY_SECONDS: Final = 30.0
# A client that takes less of its answer than this in this time holds it in our memory for nothing.
STALLED_SECONDS: Final = 30.0
STALLED_BYTES: Final = 16 * 1024
# Of CONNECTIONS (serve.py), what one client may hold: the others still get through.
CONNECTIONS_OF_ONE_CLIENT: Final = 128
# More than the server answers (it says 503 to the rest), and less than a process may have open files.
MOST_CONNECTIONS: Final = 512
# Over TLS a closed connection waits for the client's goodbye, which one that pools connections never says.
GOODBYE_SECONDS: Final = 0.2
LAST_BYTES_SECONDS: Final = 2.0


class ImpatientProtocol(H11Protocol):
    """
    uvicorn's protocol, with an end to each wait for a client.

    A client has ``header_seconds`` for the head of a request, ``body_seconds`` for the rest of it, and
    ``stalled_seconds`` to take up a next part of the answer. One client, known by its address, holds at most
    ``connections_of_one_client``, and all together ``most_connections``.
    """

    header_seconds = HEADER_SECONDS
    body_seconds = BODY_SECONDS
    stalled_seconds = STALLED_SECONDS
    connections_of_one_client = CONNECTIONS_OF_ONE_CLIENT
    most_connections = MOST_CONNECTIONS

    _ending = False

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Start the clock: a connection on which nothing is asked costs us a place, too."""
        super().connection_made(transport)
        self._head = _Clock(self.loop, transport.abort)
        self._body = _Clock(self.loop, transport.abort)
        self._stalled = _Clock(self.loop, self._look_at_the_rest)
        self._rest_bytes = 0
        if self._is_one_too_many():
            # Before a byte is read; Alertmanager and Prometheus take it for a failure and come again.
            transport.abort()
            return
        self._head.start(self.header_seconds)

    def data_received(self, data: bytes) -> None:
        """Let the clock of the head or the body run while one of them is awaited."""
        super().data_received(data)
        if self.conn.their_state is h11.IDLE:
            self._head.start(self.header_seconds)
        else:
            self._head.stop()
        self._time_the_body()

    def connection_lost(self, exc: Exception | None) -> None:
        """Forget the clocks with the connection."""
        for clock in (self._head, self._body, self._stalled):
            clock.stop()
        super().connection_lost(exc)

    def pause_writing(self) -> None:
        """Start the clock of a client that does not take up its answer."""
        super().pause_writing()
        self._rest_bytes = self.transport.get_write_buffer_size()
        self._stalled.start(self.stalled_seconds)

    def resume_writing(self) -> None:
        """Stop that clock: the client reads."""
        super().resume_writing()
        self._stalled.stop()

    def send_400_response(self, msg: str) -> None:
        """Tell that a request is malformed; just hang up where that is no answer any more, or to a HEAD."""
        try:
            super().send_400_response(msg)
        except h11.LocalProtocolError:
            self.transport.abort()

    def shutdown(self) -> None:
        """End an idle connection now, and one with a request when its answer is sent."""
        self._ending = True
        super().shutdown()
        if self.cycle is None or self.cycle.response_complete:
            self.loop.call_later(GOODBYE_SECONDS, self.transport.abort)

    def on_response_complete(self) -> None:
        """Leave a client that reads slowly a moment for the last bytes."""
        super().on_response_complete()
        # The next request may have begun in bytes that came with the last one.
        self._time_the_body()
        if self._ending:
            self.loop.call_later(LAST_BYTES_SECONDS, self.transport.abort)

    def _time_the_body(self) -> None:
        """Run one clock from the end of a head to the end of its body."""
        if self.conn.their_state is h11.SEND_BODY:
            self._body.start(self.body_seconds)
        else:
            self._body.stop()

    def _look_at_the_rest(self) -> None:
        """Leave a client that took up a part more time for the rest."""
        self._stalled.stop()
        before, self._rest_bytes = self._rest_bytes, self.transport.get_write_buffer_size()
        if before - self._rest_bytes >= STALLED_BYTES:
            self._stalled.start(self.stalled_seconds)
        else:
            self.transport.abort()

    def _is_one_too_many(self) -> bool:
        if len(self.connections) > self.most_connections:
            return True
        address = _address(self)
        mine = sum(_address(one) == address for one in self.connections)
        return address is not None and mine > self.connections_of_one_client


class _Clock:
    """Calls ``late`` once, unless it is stopped in time; a clock that runs is not started anew."""

    def __init__(self, loop: asyncio.AbstractEventLoop, late: Callable[[], None]) -> None:
        self._loop = loop
        self._late = late
        self._handle: asyncio.TimerHandle | None = None

    def start(self, seconds: float) -> None:
        if self._handle is None:
            self._handle = self._loop.call_later(seconds, self._late)

    def stop(self) -> None:
        if self._handle is not None:
            self._handle.cancel()
            self._handle = None


def _address(protocol: object) -> str | None:
    """Give the address of a connection's client; None where there is none, as on a Unix socket."""
    client: tuple[str, int] | None = getattr(protocol, "client", None)
    return client[0] if client else None
