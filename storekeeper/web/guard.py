"""The middleware before both services: who may ask, and the headers of every answer."""

import base64
import binascii
import logging
import threading
from collections.abc import Awaitable, Callable, MutableMapping
from pathlib import Path
from typing import Any, Final

import anyio
import anyio.to_thread

from storekeeper.errors import ConfigurationError
from storekeeper.files.version import version_of
from storekeeper.web.passwords import PasswordCheck
from storekeeper.web.web_config import WebConfig, read_web_config

logger = logging.getLogger(__name__)

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
Application = Callable[[MutableMapping[str, Any], Receive, Send], Awaitable[None]]

REFUSED: Final = b"Unauthorized\n"
# Passwords that wait for their check; more would only keep threads and memory busy.
CHECKS: Final = 1


class WebConfigFile:
    """
    The web config as its file is now; it is read again when the file has changed.

    A file that has become broken or has gone leaves the last good config in use and one error in the log.
    TLS is turned on or off by a restart only. Raises ConfigurationError when the first reading fails.
    """

    def __init__(self, path: Path | None) -> None:
        self._path = path
        self._seen = version_of(path) if path else (0, 0, 0)
        self._config = read_web_config(path) if path else WebConfig()
        self._passwords = PasswordCheck(self._config.basic_auth_users)
        self._lock = threading.Lock()

    @property
    def config(self) -> WebConfig:
        """Give the config in use."""
        return self.current()[0]

    def current(self) -> tuple[WebConfig, PasswordCheck]:
        """Give the config in use and the check of its users, after a look at the file."""
        if self._path is not None and (seen := version_of(self._path)) != self._seen:
            with self._lock:
                if seen != self._seen:
                    self._seen = seen
                    self._read(self._path)
        return self._config, self._passwords

    def _read(self, path: Path) -> None:
        try:
            fresh = read_web_config(path)
        except ConfigurationError as error:
            logger.error("the web config in use stays: %s", error)
            return
        if fresh.tls_server_config != self._config.tls_server_config:
            logger.warning("%s: a changed tls_server_config takes effect after a restart", path)
        if fresh.basic_auth_users != self._config.basic_auth_users:
            self._passwords = PasswordCheck(fresh.basic_auth_users)
        self._config = fresh
        logger.info("read %s anew", path)


class Guard:
    """
    ASGI middleware: basic authentication and extra headers from a web config file.

    Without users in the file everybody may ask. ``exempt`` tells for a request whether it authenticates
    in its own way; the application behind then decides.
    """

    def __init__(
        self,
        app: Application,
        *,
        file: WebConfigFile,
        exempt: Callable[[MutableMapping[str, Any]], bool] = lambda _: False,
    ) -> None:
        self._app = app
        self._file = file
        self._exempt = exempt
        self._limiter: anyio.CapacityLimiter | None = None

    async def __call__(self, scope: MutableMapping[str, Any], receive: Receive, send: Send) -> None:
        """Let the request pass or answer 401."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        config, _ = self._file.current()
        added = [
            (name.lower().encode("ascii"), value.encode("ascii"))
            for name, value in config.http_server_config.headers.items()
        ]

        async def send_with_headers(message: Message) -> None:
            if added and message["type"] == "http.response.start":
                names = {name for name, _ in added}
                kept = [header for header in message["headers"] if header[0].lower() not in names]
                message = {**message, "headers": [*kept, *added]}
            await send(message)

        if not config.basic_auth_users or self._exempt(scope) or await self.knows(scope):
            await self._app(scope, receive, send_with_headers)
            return
        headers = [
            (b"content-type", b"text/plain; charset=utf-8"),
            (b"content-length", str(len(REFUSED)).encode("ascii")),
            (b"www-authenticate", b'Basic realm="storekeeper", charset="UTF-8"'),
        ]
        await send_with_headers({"type": "http.response.start", "status": 401, "headers": headers})
        await send_with_headers({"type": "http.response.body", "body": REFUSED})

    async def knows(self, scope: MutableMapping[str, Any]) -> bool:
        """Return whether the request shows the name and the password of a user; slow for a new password."""
        _, passwords = self._file.current()
        credentials = basic_credentials(scope)
        if credentials is None:
            return False
        known = passwords.known(*credentials)
        if known is not None:
            return known
        if self._limiter is None:
            self._limiter = anyio.CapacityLimiter(CHECKS)
        return await anyio.to_thread.run_sync(passwords.check, *credentials, limiter=self._limiter)


def basic_credentials(scope: MutableMapping[str, Any]) -> tuple[str, bytes] | None:
    """Give user and password of the one ``Authorization: Basic`` header, None where there is no such."""
    values = [value for name, value in scope["headers"] if name == b"authorization"]
    if len(values) != 1:
        return None
    scheme, _, encoded = values[0].partition(b" ")
    if scheme.lower() != b"basic":
        return None
    try:
        decoded = base64.b64decode(encoded.strip(), validate=True)
    except (binascii.Error, ValueError):
        return None
    user, colon, password = decoded.partition(b":")
    return (user.decode("utf-8", "surrogateescape"), password) if colon else None
