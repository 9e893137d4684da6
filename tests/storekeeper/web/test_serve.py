"""The web server itself."""

import os
import signal
import socket
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import requests
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.routing import Route

from storekeeper.errors import ConfigurationError
from storekeeper.web.http_protocol import ImpatientProtocol
from storekeeper.web.listen import ListenAddress
from storekeeper.web.serve import WebServer

Serve = Callable[[Path | None], WebServer]
LOOPBACK = ListenAddress(host="127.0.0.1", port=0)


def test_stopped_server_gives_its_port_back(serve: Serve) -> None:
    """After ``stop`` the port can be bound again."""
    server = serve(None)
    server.stop()
    with socket.create_server(("127.0.0.1", server.port)) as again:
        assert server.port == again.getsockname()[1]


def test_open_request_is_finished_before_the_end() -> None:
    """A request that is being answered when the server stops gets its answer."""
    begun, go_on = threading.Event(), threading.Event()

    def slow(_: Request) -> PlainTextResponse:
        begun.set()
        go_on.wait(10)
        return PlainTextResponse("done")

    server = WebServer(Starlette(routes=[Route("/", slow)]), listen=[LOOPBACK])
    server.start()
    answers: list[str] = []
    client = threading.Thread(
        target=lambda: answers.append(requests.get(f"http://127.0.0.1:{server.port}/", timeout=10).text)
    )
    client.start()
    begun.wait(10)
    stopping = threading.Thread(target=server.stop)
    stopping.start()
    go_on.set()
    stopping.join()
    client.join()
    assert ["done"] == answers


def test_taken_address_gives_back_the_others() -> None:
    """When one of several addresses cannot be had, none is kept."""
    with socket.create_server(("127.0.0.1", 0)) as taken, socket.create_server(("127.0.0.1", 0)) as free:
        numbers = [free.getsockname()[1], taken.getsockname()[1]]
        free.close()
        with pytest.raises(ConfigurationError):
            WebServer(None, listen=[ListenAddress(host="127.0.0.1", port=number) for number in numbers])
        with socket.create_server(("127.0.0.1", numbers[0])) as again:
            assert numbers[0] == again.getsockname()[1]


def test_endless_head_is_not_kept_in_memory(serve: Serve) -> None:
    """A request whose headers go on for megabytes is refused and hung up on."""
    answer = b""
    with socket.create_connection(("127.0.0.1", serve(None).port), timeout=10) as client:
        try:
            client.sendall(b"GET / HTTP/1.1\r\nHost: a\r\nX-Large: ")
            for _ in range(200):
                client.sendall(b"a" * 65536)
            answer = client.recv(1000)
        except ConnectionError:
            # The server hung up while we were still writing.
            refused = True
        else:
            refused = answer.startswith(b"HTTP/1.1 400") or not answer
    assert refused


def test_client_that_never_finishes_its_request_is_hung_up_on() -> None:
    """Half a request, be it the first or a later one, holds a connection for the time for a head only."""

    class Hasty(ImpatientProtocol):
        header_seconds = 0.2

    server = WebServer(Starlette(), listen=[LOOPBACK], protocol=Hasty)
    server.start()
    try:
        with socket.create_connection(("127.0.0.1", server.port), timeout=10) as client:
            client.sendall(b"GET / HTTP/1.1\r\nHost: a\r\n")
            assert b"" == client.recv(100)
        with socket.create_connection(("127.0.0.1", server.port), timeout=10) as client:
            client.sendall(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
            assert client.recv(1000).startswith(b"HTTP/1.1 404")
            client.sendall(b"GET / HTTP/1.1\r\nHo")
            while received := client.recv(1000):
                assert b"HTTP/1.1" not in received
    finally:
        server.stop()


def test_signal_ends_the_server_in_the_main_thread() -> None:
    """SIGTERM lets ``run`` return, tells the caller first, and leaves the handlers as they were."""
    heard: list[int] = []
    app: Any = Starlette()
    server = WebServer(app, listen=[LOOPBACK])
    before = signal.getsignal(signal.SIGTERM)

    def end() -> None:
        while not server._server.started:
            time.sleep(0.01)
        os.kill(os.getpid(), signal.SIGTERM)

    threading.Thread(target=end).start()
    server.run(on_signal=heard.append)
    assert [signal.SIGTERM] == heard
    assert before == signal.getsignal(signal.SIGTERM)
