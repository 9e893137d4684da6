"""
What is fuzzed: each target takes any bytes and raises when a promise is broken.

    payload      the parser of Alertmanager's messages
    web_config   the parser of the web config file
    application  the receiver behind its middleware: method, path, query, headers and body (ASGI)
    http         the same from the first byte on a connection, through the HTTP protocol

The application is the real one with a real ledger in a folder of its own; nothing carries its runs out. Every
answer must come, be no 5xx, and leave the ledger as it was when it refuses.
"""

import asyncio
import re
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

import uvicorn
from uvicorn.server import ServerState

from actions.ledger.file import LedgerFile
from actions.receiver.payload import MalformedPayload, Message, parse_message
from actions.receiver.service import ReceiverService
from storekeeper.config import parse_config
from storekeeper.errors import ConfigurationError
from storekeeper.web.http_protocol import ImpatientProtocol
from storekeeper.web.web_config import WebConfig, parse_web_config

METHODS = ("GET", "POST", "HEAD", "PUT", "DELETE", "OPTIONS", "FUZZ")
PATHS = (
    "/api/v1/alerts",
    "/api/v1/runs",
    "/api/v1/runs/",
    "/",
    "/start",
    "/runs/",
    "/metrics",
    "/-/healthy",
    "/-/ready",
    "",
)
SEPARATOR = b"\xff\xff"
SECONDS = 20.0
# Rows that accepted alerts left; beyond, they are removed, so that a long search stays quick.
MOST_ROWS = 2000

CONFIG = """\
shop: fuzzed
project: {folder}
state: {folder}/state
areas: {{media: {{path: media, limit: 1000}}}}
receiver:
  {{listen: "127.0.0.1:0", requests_per_minute: 1000000000, failed_logins_per_minute: 1000000000}}
"""


def fuzz_payload(data: bytes) -> None:
    """Hold the parser to a Message or a MalformedPayload that repeats nothing."""
    try:
        message = parse_message(data)
    except MalformedPayload as error:
        assert len(error.message) < 200, error.message
        assert error.message.isprintable(), error.message
    else:
        assert isinstance(message, Message)


def fuzz_web_config(data: bytes) -> None:
    """Hold the parser to a WebConfig or a ConfigurationError of bounded length."""
    with suppress(UnicodeDecodeError):
        text = data.decode("utf-8")
        try:
            config = parse_web_config(text, name="web.yml", folder=Path("/nowhere"))
        except ConfigurationError as error:
            assert len(str(error)) < 10_000 + 10 * len(text), len(str(error))
        else:
            assert isinstance(config, WebConfig)


class Application:
    """The receiver's application, taken apart from its server."""

    def __init__(self, folder: Path) -> None:
        (folder / "media").mkdir(exist_ok=True)
        config = parse_config(CONFIG.format(folder=folder), name="fuzz", folder=folder, environment={})
        self._file = LedgerFile(config.state)
        self._app: Any = ReceiverService(config).app
        self._token = (config.state / "receiver-token").read_bytes().strip()
        self._loop = asyncio.new_event_loop()
        server_config = uvicorn.Config(
            self._app, http=ImpatientProtocol, interface="asgi3", ws="none", lifespan="off", log_config=None
        )
        server_config.load()
        self._server_config = server_config
        self.answers = 0

    def fuzz_application(self, data: bytes) -> None:
        """Ask as the bytes say, and hold the answer to what is promised."""
        if len(data) < 2:
            return
        path, query, headers, body = (*data[2:].split(SEPARATOR, 3), b"", b"", b"", b"")[:4]
        scope = {
            "type": "http",
            "method": METHODS[data[0] % len(METHODS)],
            "path": PATHS[data[1] % len(PATHS)] + path.decode("utf-8", "replace"),
            "root_path": "",
            # The HTTP protocol lets no other bytes through.
            "query_string": re.sub(rb"[^!-~]", b"", query),
            "headers": [
                (b"host", b"localhost"),
                (b"authorization", b"Bearer " + self._token),
                *_headers(headers),
            ],
            "client": ("127.0.0.1", 1),
            "server": ("127.0.0.1", 9732),
            "scheme": "http",
            "http_version": "1.1",
            "asgi": {"version": "3.0"},
        }
        before = self._changes()
        status, answer = self._loop.run_until_complete(
            asyncio.wait_for(_ask(self._app, scope, body), SECONDS)
        )
        self._judge(status, answer, changed=self._changes() != before, given=data)

    def fuzz_http(self, data: bytes) -> None:
        """Send the bytes on a connection, then close it."""
        received = self._loop.run_until_complete(asyncio.wait_for(self._exchange(data), SECONDS))
        for status in re.findall(rb"HTTP/1\.1 (\d{3}) ", received):
            self._judge(int(status), received, changed=False, given=data)

    async def _exchange(self, data: bytes) -> bytes:
        state = ServerState()
        protocol = ImpatientProtocol(
            config=self._server_config, server_state=state, app_state={}, _loop=asyncio.get_running_loop()
        )
        transport = MemoryTransport()
        protocol.connection_made(transport)
        # In two parts, as a network may: the second may be the middle of anything.
        for part in (data[: len(data) // 2], data[len(data) // 2 :]):
            if part and not transport.is_closing():
                protocol.data_received(part)
            await asyncio.sleep(0)
        # A body that never ends is the clock's matter, not ours: the client goes away.
        while state.tasks and not protocol.cycle.more_body:
            await asyncio.wait(set(state.tasks))
        protocol.connection_lost(None)
        while state.tasks:
            await asyncio.wait(set(state.tasks))
        return bytes(transport.written)

    def _judge(self, status: int, answer: bytes, *, changed: bool, given: bytes) -> None:
        # No engine runs here, and the receiver says so where it is asked whether it is ready.
        unready = status == 503 and b"not ready" in answer
        assert status < 500 or unready, f"answered {status}: {answer[:300]!r}"
        assert not (changed and status >= 400), f"refused with {status} and yet wrote to the ledger"
        assert not (b"<html" in answer and b"<img src=x" in answer), "markup of a request came back"
        self.answers += 1
        if self.answers % 500 == 0:
            self._make_room()

    def _changes(self) -> tuple[int, ...]:
        with self._file.read() as connection:
            return tuple(
                connection.execute(f"SELECT count(*) + coalesce(max(rowid), 0) FROM {table}").fetchone()[0]
                for table in ("alerts", "episodes", "runs", "steps")
            )

    def _make_room(self) -> None:
        if sum(self._changes()) > MOST_ROWS:
            with self._file.write() as connection:
                for table in ("log", "steps", "alerts", "runs", "episodes"):
                    connection.execute(f"DELETE FROM {table}")


class MemoryTransport(asyncio.Transport):
    """A transport that keeps what is written."""

    def __init__(self) -> None:
        super().__init__({"peername": ("127.0.0.1", 1), "sockname": ("127.0.0.1", 9732)})
        self.written = bytearray()
        self._closing = False

    def write(self, data: Any) -> None:
        self.written += data

    def close(self) -> None:
        self._closing = True

    def abort(self) -> None:
        self._closing = True

    def is_closing(self) -> bool:
        return self._closing

    def pause_reading(self) -> None:
        pass

    def resume_reading(self) -> None:
        pass

    def get_write_buffer_size(self) -> int:
        return 0


async def _ask(app: Any, scope: dict[str, Any], body: bytes) -> tuple[int, bytes]:
    parts = [body[: len(body) // 2], body[len(body) // 2 :]]
    answer = bytearray()
    status = 0

    async def receive() -> dict[str, Any]:
        if parts:
            return {"type": "http.request", "body": parts.pop(0), "more_body": bool(parts)}
        return {"type": "http.disconnect"}

    async def send(message: Any) -> None:
        nonlocal status
        if message["type"] == "http.response.start":
            status = message["status"]
            for name, value in message["headers"]:
                assert not {b"\r", b"\n"} & {bytes([one]) for one in name + value}, (name, value)
        else:
            answer.extend(message.get("body", b""))

    await app(scope, receive, send)
    assert status, "no answer"
    return status, bytes(answer)


def _headers(block: bytes) -> list[tuple[bytes, bytes]]:
    # As the HTTP protocol hands them over: lower case names, no control characters.
    found = re.findall(rb"([!-9;-~]+): ?([ -~\x80-\xff]*)", block)
    return [(name.lower(), value.strip()) for name, value in found]


def targets(folder: Path) -> Mapping[str, Callable[[bytes], None]]:
    """Give every target by name; the application works in ``folder``."""
    application = Application(folder)
    return {
        "payload": fuzz_payload,
        "web_config": fuzz_web_config,
        "application": application.fuzz_application,
        "http": application.fuzz_http,
    }
