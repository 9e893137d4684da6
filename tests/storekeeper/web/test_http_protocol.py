"""Clients that are slow, or open too much: by sockets, with short times."""

import socket
import ssl
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from storekeeper.web.http_protocol import ImpatientProtocol
from storekeeper.web.listen import ListenAddress
from storekeeper.web.serve import WebServer
from storekeeper.web.tls import make_tls_context
from storekeeper.web.web_config import TlsServerConfig

Start = Callable[[type[ImpatientProtocol]], WebServer]
LARGE = b"a" * 20_000_000


@pytest.fixture
def start() -> Iterator[Start]:
    """Start servers that read bodies at /read, leave them at /leave, and have a large page at /large."""
    servers = []

    async def read(request: Request) -> Response:
        return PlainTextResponse(str(len(await request.body())))

    async def leave(_: Request) -> Response:
        return PlainTextResponse("no", status_code=401)

    async def large(_: Request) -> Response:
        return Response(LARGE)

    app = Starlette(
        routes=[
            Route("/read", read, methods=["POST"]),
            Route("/leave", leave, methods=["POST"]),
            Route("/large", large),
        ]
    )

    def make(protocol: type[ImpatientProtocol]) -> WebServer:
        server = WebServer(app, listen=[ListenAddress(host="127.0.0.1", port=0)], protocol=protocol)
        server.start()
        servers.append(server)
        return server

    yield make
    for server in servers:
        server.stop()


class HastyWithBodies(ImpatientProtocol):
    """A fifth of a second for a body."""

    body_seconds = 0.2


class HastyWithReaders(ImpatientProtocol):
    """A fifth of a second to take up a part of the answer."""

    stalled_seconds = 0.2


class Crowded(ImpatientProtocol):
    """Three connections for one client."""

    connections_of_one_client = 3


class Full(ImpatientProtocol):
    """Three connections for all clients together."""

    most_connections = 3


def connect(server: WebServer) -> socket.socket:
    return socket.create_connection(("127.0.0.1", server.port), timeout=10)


def is_hung_up(client: socket.socket) -> bool:
    """Wait for the end of the connection; a reset is one, too."""
    try:
        while client.recv(65536):
            pass
    except ConnectionError:
        return True
    return True


@pytest.mark.parametrize("path", ["/read", "/leave"])
def test_body_that_never_ends_is_hung_up_on(start: Start, path: str) -> None:
    """A body has its time as a whole, also one that comes byte by byte, and one that nobody reads."""
    server = start(HastyWithBodies)
    with connect(server) as client:
        head = f"POST {path} HTTP/1.1\r\nHost: a\r\nContent-Length: 1000\r\n\r\n"
        client.sendall(head.encode())
        began = time.monotonic()
        with pytest.raises(ConnectionError):
            while time.monotonic() - began < 10:
                client.sendall(b"a")
                time.sleep(0.02)
        assert time.monotonic() - began < 5


def test_body_of_a_later_request_has_its_time_too(start: Start) -> None:
    """A head that came in the same bytes as the request before it starts the clock."""
    with connect(start(HastyWithBodies)) as client:
        whole = b"POST /read HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\nab"
        client.sendall(whole + b"POST /read HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\na")
        received = b""
        while part := client.recv(1000):
            received += part
        assert 1 == received.count(b"HTTP/1.1 200 OK")


def test_body_in_time_is_answered_and_the_connection_kept(start: Start) -> None:
    """The clock of one request ends with it: the connection lives longer than that."""
    with connect(start(HastyWithBodies)) as client:
        for _ in range(3):
            client.sendall(b"POST /read HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\nab")
            answer = b""
            while not answer.endswith(b"\r\n\r\n2"):
                answer += client.recv(1000)
            assert answer.startswith(b"HTTP/1.1 200 OK")
            time.sleep(0.25)


def test_client_that_takes_nothing_of_its_answer_is_hung_up_on(start: Start) -> None:
    """An answer that nobody takes up does not stay in memory."""
    server = start(HastyWithReaders)
    with connect(server) as client:
        client.sendall(b"GET /large HTTP/1.1\r\nHost: a\r\n\r\n")
        deadline = time.monotonic() + 10
        while not server._server.server_state.connections and time.monotonic() < deadline:
            time.sleep(0.01)
        while server._server.server_state.connections and time.monotonic() < deadline:
            time.sleep(0.01)
        assert set() == server._server.server_state.connections


def test_slow_client_that_does_read_gets_all(start: Start) -> None:
    """A client that takes a part now and then is left in peace."""
    with connect(start(HastyWithReaders)) as client:
        client.sendall(b"GET /large HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
        received = 0
        while part := client.recv(500_000):
            received += len(part)
            time.sleep(0.02)
        assert received > len(LARGE)


@pytest.mark.parametrize("protocol", [Crowded, Full])
def test_one_connection_too_many_is_hung_up_on(start: Start, protocol: type[ImpatientProtocol]) -> None:
    """Neither one client nor all of them open connections without end; a place that is left is free."""
    server = start(protocol)
    with ExitStack() as stack:
        clients = [stack.enter_context(connect(server)) for _ in range(3)]
        request = b"POST /leave HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n"
        for client in clients:
            client.sendall(request)
            assert client.recv(1000).startswith(b"HTTP/1.1 401")
        with connect(server) as fourth:
            fourth.settimeout(ImpatientProtocol.header_seconds / 2)
            assert is_hung_up(fourth)
        clients[0].close()
        deadline = time.monotonic() + 10
        while len(server._server.server_state.connections) > 2 and time.monotonic() < deadline:
            time.sleep(0.01)
        with connect(server) as again:
            again.sendall(request)
            assert again.recv(1000).startswith(b"HTTP/1.1 401")


def test_endless_handshake_is_hung_up_on(
    certificate: Callable[..., tuple[Path, Path]], tmp_path: Path
) -> None:
    """A client that opens a connection to the TLS port and says nothing is heard for its time only."""
    cert_file, key_file = certificate()
    context = make_tls_context(TlsServerConfig(cert_file=cert_file, key_file=key_file))
    listen = [ListenAddress(host="127.0.0.1", port=0)]
    server = WebServer(Starlette(), listen=listen, tls=context, handshake_seconds=0.3)
    server.start()
    try:
        with connect(server) as silent:
            began = time.monotonic()
            assert is_hung_up(silent)
            assert time.monotonic() - began < 5
        trusting = ssl.create_default_context(cafile=str(cert_file))
        with connect(server) as plain, trusting.wrap_socket(plain, server_hostname="localhost") as client:
            time.sleep(0.5)
            client.sendall(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
            assert client.recv(1000).startswith(b"HTTP/1.1 404")
    finally:
        server.stop()
