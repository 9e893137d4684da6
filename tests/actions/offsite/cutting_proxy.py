"""A line to a server that breaks after so many bytes, as a network does."""

import socket
import threading
from contextlib import suppress
from types import TracebackType
from typing import Self
from urllib.parse import urlsplit


class CuttingProxy:
    """
    Pass bytes on to a server on the loopback.

    After ``cut`` it passes ``after_bytes`` more of the answers, then breaks every connection and takes no new
    one until ``mend``.
    """

    def __init__(self, target: str, *, after_bytes: int) -> None:
        address = urlsplit(target)
        self._target = (address.hostname, address.port)
        self._after = after_bytes
        self._left: int | None = None
        self.passed_bytes = 0
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._listener.getsockname()[1]}"

    def __enter__(self) -> Self:
        threading.Thread(target=self._accept, daemon=True).start()
        return self

    def __exit__(
        self,
        error_type: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._listener.close()

    def cut(self) -> None:
        """Let so many more bytes pass, and no more."""
        self._left = self._after

    def mend(self) -> None:
        """Let everything pass, and count anew."""
        self._left = None
        self.passed_bytes = 0

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                if self._left is not None and self._left <= 0:
                    client.close()
                    continue
                server = socket.create_connection(self._target)
                for source, sink, counted in ((client, server, False), (server, client, True)):
                    threading.Thread(target=self._pass, args=(source, sink, counted), daemon=True).start()

    def _pass(self, source: socket.socket, sink: socket.socket, counted: bool) -> None:
        with suppress(OSError):
            while data := source.recv(1 << 16):
                if counted:
                    self.passed_bytes += len(data)
                    if self._left is not None:
                        self._left -= len(data)
                        if self._left <= 0:
                            break
                sink.sendall(data)
        for one in (source, sink):
            with suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)
            one.close()
