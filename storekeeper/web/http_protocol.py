"""HTTP/1.1 for services in plain view: a client that never finishes its request is hung up on."""

import asyncio
from typing import Final

import h11
from uvicorn.protocols.http.h11_impl import H11Protocol

HEADER_SECONDS: Final = 10.0
# Over TLS a closed connection waits for the client's goodbye, which one that pools connections never says.
GOODBYE_SECONDS: Final = 0.2
LAST_BYTES_SECONDS: Final = 2.0


class ImpatientProtocol(H11Protocol):
    """uvicorn's protocol, which besides gives a client ``header_seconds`` for the head of each request."""

    header_seconds = HEADER_SECONDS

    _deadline: asyncio.TimerHandle | None = None
    _ending = False

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Start the clock: a connection on which nothing is asked costs us a place, too."""
        super().connection_made(transport)
        self._deadline = self.loop.call_later(self.header_seconds, transport.close)

    def data_received(self, data: bytes) -> None:
        """Stop the clock when the head of a request is whole; start it with the first bytes of the next."""
        super().data_received(data)
        if self.conn.their_state is not h11.IDLE:
            self._stop_clock()
        elif self._deadline is None:
            self._deadline = self.loop.call_later(self.header_seconds, self.transport.close)

    def connection_lost(self, exc: Exception | None) -> None:
        """Forget the clock with the connection."""
        self._stop_clock()
        super().connection_lost(exc)

    def shutdown(self) -> None:
        """End an idle connection now, and one with a request when its answer is sent."""
        self._ending = True
        super().shutdown()
        if self.cycle is None or self.cycle.response_complete:
            self.loop.call_later(GOODBYE_SECONDS, self.transport.abort)

    def on_response_complete(self) -> None:
        """Leave a client that reads slowly a moment for the last bytes."""
        super().on_response_complete()
        if self._ending:
            self.loop.call_later(LAST_BYTES_SECONDS, self.transport.abort)

    def _stop_clock(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None
