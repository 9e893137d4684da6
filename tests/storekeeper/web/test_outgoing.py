"""Asking other services: with their secrets, to them alone, and never without end."""

import base64
import http.server
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from storekeeper.config.services import Service
from storekeeper.errors import ConfigurationError
from storekeeper.web.outgoing import ServiceFailed, ask

Serve = Callable[[Callable[[http.server.BaseHTTPRequestHandler], None]], str]


@pytest.fixture
def serve() -> Iterator[Serve]:
    """``serve(answer)``: a server that answers every request with ``answer(handler)``; give its URL."""
    servers = []

    def start(answer: Callable[[http.server.BaseHTTPRequestHandler], None]) -> str:
        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                answer(self)

            def log_message(self, format: str, *args: Any) -> None:
                """Say nothing."""

        server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        servers.append(server)
        threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
        return f"http://127.0.0.1:{server.server_port}"

    yield start
    for server in servers:
        server.shutdown()
        server.server_close()


def reply(
    handler: http.server.BaseHTTPRequestHandler, text: bytes, *, status: int = 200, **headers: str
) -> None:
    """Answer a request."""
    handler.send_response(status)
    for name, value in {"Content-Length": str(len(text)), **headers}.items():
        handler.send_header(name, value)
    handler.end_headers()
    handler.wfile.write(text)


def test_a_user_or_a_token_is_shown(serve: Serve, tmp_path: Path) -> None:
    """Read from files at each request; without either nothing is shown, whatever a .netrc says."""
    seen: list[str | None] = []

    def answer(handler: http.server.BaseHTTPRequestHandler) -> None:
        seen.append(handler.headers["Authorization"])
        reply(handler, b'{"ok": true}')

    url = serve(answer)
    secret = tmp_path / "secret"
    secret.write_text("pässword\n", "utf-8")
    assert {"ok": True} == ask(Service(url=url, user="anna", password_file=secret), "GET", "/")
    secret.write_text("a-token\n")
    ask(Service(url=url, token_file=secret), "GET", "/")
    ask(Service(url=url), "GET", "/")
    basic = "Basic " + base64.b64encode("anna:pässword".encode()).decode()
    assert [basic, "Bearer a-token", None] == seen


def test_a_redirect_is_not_followed(serve: Serve, tmp_path: Path) -> None:
    """The token is for this address; who took it over may not send it, and us, elsewhere."""
    asked: list[str] = []
    other = serve(lambda handler: (asked.append("other"), reply(handler, b"{}"))[1])
    url = serve(lambda handler: reply(handler, b"", status=302, Location=other))
    token = tmp_path / "token"
    token.write_text("a-token")
    with pytest.raises(ServiceFailed) as failed:
        ask(Service(url=url, token_file=token), "GET", "/")
    assert ([], 302, True) == (asked, failed.value.status, failed.value.permanent)


@pytest.mark.parametrize(
    ("status", "permanent"), [(400, True), (401, True), (404, True), (429, False), (500, False), (503, False)]
)
def test_what_may_pass_is_told_from_what_will_not(serve: Serve, status: int, permanent: bool) -> None:
    """The status is kept, and what the service said is the hint."""
    url = serve(lambda handler: reply(handler, b"because", status=status))
    with pytest.raises(ServiceFailed) as failed:
        ask(Service(url=url), "GET", "/path")
    assert (status, permanent, "because") == (failed.value.status, failed.value.permanent, failed.value.hint)


def test_an_answer_in_drops_ends(serve: Serve) -> None:
    """A byte now and then resets the limit of silence; the limit of the whole answer holds all the same."""

    def drip(handler: http.server.BaseHTTPRequestHandler) -> None:
        handler.send_response(200)
        handler.send_header("Transfer-Encoding", "chunked")
        handler.end_headers()
        try:
            for _ in range(100):
                handler.wfile.write(b"1\r\n \r\n")
                handler.wfile.flush()
                time.sleep(0.1)
        except OSError:
            # The other end has hung up, as it should.
            pass

    start = time.monotonic()
    with pytest.raises(ServiceFailed):
        ask(Service(url=serve(drip)), "GET", "/", answer_seconds=0.5)
    assert time.monotonic() - start < 5


def test_an_answer_without_end_is_not_kept(serve: Serve) -> None:
    """Memory is bounded by us, not by the service."""
    with pytest.raises(ServiceFailed):
        url = serve(lambda handler: reply(handler, b" " * 2000))
        ask(Service(url=url), "GET", "/", most_answer_bytes=1000)


def test_a_service_that_is_away_may_come_back(tmp_path: Path) -> None:
    """A refused connection is no reason to give up; a secret that cannot be read names its file."""
    with pytest.raises(ServiceFailed) as failed:
        ask(Service(url="http://127.0.0.1:9"), "GET", "/")
    assert not failed.value.permanent
    with pytest.raises(ConfigurationError, match="no-such-file"):
        ask(Service(url="http://127.0.0.1:9", token_file=tmp_path / "no-such-file"), "GET", "/")


@pytest.mark.parametrize(
    "keys",
    [
        {"user": "anna"},
        {"password_file": "p"},
        {"user": "anna", "password_file": "p", "token_file": "t"},
        {"key_file": "k"},
        {"user": "an:na", "password_file": "p"},
    ],
)
def test_keys_that_do_not_fit_together_are_refused(keys: dict[str, str]) -> None:
    """Half of a pair, and two ways at once."""
    with pytest.raises(ValueError, match=r"give|needs|match"):
        Service.model_validate({"url": "http://127.0.0.1:9", **keys}, context={"project": "/"})


def test_a_secret_in_an_address_is_refused() -> None:
    """It would be shown wherever the address is."""
    with pytest.raises(ValueError, match="url"):
        Service(url="http://anna:password@127.0.0.1:9")
