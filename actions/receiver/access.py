"""
Who may talk to the receiver: a bearer token, the users of the web config, or, on loopback, everybody.

Only the health pages are open. What a browser sends on behalf of another site is refused in any case:
neither a page on the internet nor a name that resolves to 127.0.0.1 can reach in through a person's browser.

A client that asks too often, or guesses passwords, is told to wait: 429, and at the webhook 503, which is the
only answer after which Alertmanager tries the same message again. A credential that is known to be right is
never taken for a guess, so nobody can lock out the others by guessing from the same address.
"""

import hashlib
import hmac
import logging
import math
import threading
from collections.abc import MutableMapping
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

from actions.receiver.rate_limit import RateLimit, client_of
from storekeeper.errors import ConfigurationError
from storekeeper.files.version import version_of
from storekeeper.web.guard import (
    Application,
    Guard,
    Message,
    Receive,
    Send,
    WebConfigFile,
    basic_credentials,
)

logger = logging.getLogger(__name__)

WEBHOOK_PATH: Final = "/api/v1/alerts"
OPEN_PATHS: Final = ("/-/healthy", "/-/ready")
SAFE_METHODS: Final = ("GET", "HEAD")
LOOPBACK_NAMES: Final = ("localhost", "127.0.0.1", "::1")
_LEAST_CHARACTERS: Final = 16
_WHO_CHARACTERS: Final = 64
_ALLOWED: Final = "storekeeper.allowed"
WHO: Final = "storekeeper.who"
# For the person who reads it in Alertmanager's log, where the answers that it got stand.
UNAUTHORIZED: Final = (
    "Unauthorized: send the token of the receiver's token file, in Alertmanager as"
    " http_config: {authorization: {credentials_file: FILE}}."
)


class TokenFile:
    """
    The token in a file, read again when the file changes; the last good one stays while it is broken.

    Raises ConfigurationError when the first reading fails.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._lock = threading.Lock()
        self._seen = version_of(path)
        self._digest = _digest(_read_token(path))

    def matches(self, given: bytes) -> bool:
        """Tell, in a time that says nothing, whether this is the token."""
        if (seen := version_of(self._path)) != self._seen:
            with self._lock:
                if seen != self._seen:
                    self._seen = seen
                    try:
                        self._digest = _digest(_read_token(self._path))
                    except ConfigurationError as error:
                        logger.error("the token in use stays: %s", error)
        return hmac.compare_digest(_digest(given), self._digest)


class Access:
    """ASGI middleware before the receiver's application. ``loopback``: only this machine can ask."""

    def __init__(
        self,
        app: Application,
        *,
        web_config: WebConfigFile,
        token: TokenFile | None,
        loopback: bool,
        requests: RateLimit,
        logins: RateLimit,
    ) -> None:
        self._guard = Guard(app, file=web_config, exempt=lambda scope: _ALLOWED in scope)
        self._web_config = web_config
        self._token = token
        self._loopback = loopback
        self._requests = requests
        self._logins = logins
        self._warnings = RateLimit(per_minute=1)

    async def __call__(self, scope: MutableMapping[str, Any], receive: Receive, send: Send) -> None:
        """Let the request pass or answer 401, 403, or 429 (at the webhook 503)."""
        if scope["type"] != "http":
            await self._guard(scope, receive, send)
            return
        client = client_of(scope["client"])
        is_open = scope["path"] in OPEN_PATHS
        if not is_open and (seconds := self._requests.take(client)):
            await self._refuse_for_now(scope, send, seconds=seconds, why="too many requests")
            return
        nobody_asked_for = not self._protected()
        if scope["method"] not in SAFE_METHODS and _is_cross_site(scope):
            await _refuse(send, status=403, text="Requests from other sites are refused.")
            return
        if is_open or (self._token is not None and self._token_is_given(scope)):
            scope[_ALLOWED] = True
        elif nobody_asked_for and not self._loopback:
            await _refuse(send, status=401, text="Unauthorized")
            return
        elif nobody_asked_for and _host(scope) not in LOOPBACK_NAMES:
            await _refuse(send, status=403, text="Without authentication only localhost may be asked for.")
            return
        elif not nobody_asked_for and self._is_guess(scope):
            if seconds := self._logins.take(client):
                await self._refuse_for_now(scope, send, seconds=seconds, why="too many failed logins")
                return
            send = self._given_back(send, client=client)
        if self._token is not None and _ALLOWED not in scope and not self._has_users():
            await _refuse(send, status=401, text=UNAUTHORIZED)
            return
        scope[WHO] = _who(scope)
        await self._guard(scope, receive, send)

    def _is_guess(self, scope: MutableMapping[str, Any]) -> bool:
        """Tell whether credentials are given that are not known to be right."""
        if not _header(scope, b"authorization"):
            return False
        credentials = basic_credentials(scope)
        return credentials is None or self._web_config.current()[1].known(*credentials) is not True

    def _given_back(self, send: Send, *, client: str) -> Send:
        """Count the login only when it fails; taken before, so that many at once cannot pass."""

        async def send_and_count(message: Message) -> None:
            if message["type"] == "http.response.start" and message["status"] != 401:
                self._logins.give_back(client)
            await send(message)

        return send_and_count

    async def _refuse_for_now(
        self, scope: MutableMapping[str, Any], send: Send, *, seconds: float, why: str
    ) -> None:
        if not self._warnings.take(client := client_of(scope["client"])):
            logger.warning("%s: %s; refused for now", client, why)
        status = 503 if scope["path"] == WEBHOOK_PATH else 429
        await _refuse(send, status=status, text=f"Wait: {why}.", retry_after_seconds=math.ceil(seconds))

    def _has_users(self) -> bool:
        return bool(self._web_config.config.basic_auth_users)

    def _protected(self) -> bool:
        return self._token is not None or is_protected(self._web_config)

    def _token_is_given(self, scope: MutableMapping[str, Any]) -> bool:
        """Look for the token behind ``Bearer`` or, for browsers, as the password of any user."""
        assert self._token is not None, "asked only where there is one"
        if credentials := basic_credentials(scope):
            return self._token.matches(credentials[1])
        values = [value for name, value in scope["headers"] if name == b"authorization"]
        scheme, _, given = values[0].partition(b" ") if len(values) == 1 else (b"", b"", b"")
        return scheme.lower() == b"bearer" and self._token.matches(given.strip())


def is_protected(web_config: WebConfigFile) -> bool:
    """Tell whether the web config lets in only whom it knows: users, or clients with certificates."""
    config = web_config.config
    tls = config.tls_server_config
    certificates = tls is not None and tls.client_auth_type == "RequireAndVerifyClientCert"
    return bool(config.basic_auth_users) or certificates


def _is_cross_site(scope: MutableMapping[str, Any]) -> bool:
    """Tell whether a browser says that another site caused the request; other programs say nothing."""
    if _header(scope, b"sec-fetch-site") not in ("", "same-origin", "none"):
        return True
    origin = _header(scope, b"origin")
    return bool(origin) and urlsplit(origin).netloc.lower() != _header(scope, b"host").lower()


def _host(scope: MutableMapping[str, Any]) -> str:
    try:
        return urlsplit(f"//{_header(scope, b'host')}").hostname or ""
    except ValueError:
        return ""


def _header(scope: MutableMapping[str, Any], wanted: bytes) -> str:
    return next((value.decode("latin-1") for name, value in scope["headers"] if name == wanted), "")


def _who(scope: MutableMapping[str, Any]) -> str:
    credentials = basic_credentials(scope)
    if credentials and credentials[0]:
        # With the token as password any name is taken: it must not draw on somebody's terminal.
        name = credentials[0][:_WHO_CHARACTERS]
        return "".join(sign if sign.isprintable() else "\N{REPLACEMENT CHARACTER}" for sign in name)
    return "the holder of the token" if _ALLOWED in scope else "somebody on this machine"


def _read_token(path: Path) -> bytes:
    try:
        token = path.read_bytes().strip()
    except OSError as error:
        raise ConfigurationError(f"the token file {path} cannot be read: {error.strerror}") from None
    if len(token) < _LEAST_CHARACTERS:
        raise ConfigurationError(
            f"the token file {path} holds fewer than {_LEAST_CHARACTERS} characters",
            hint="Make a token: python -c 'import secrets; print(secrets.token_urlsafe(32))'",
        )
    return token


def _digest(token: bytes) -> bytes:
    return hashlib.sha256(token).digest()


async def _refuse(send: Send, *, status: int, text: str, retry_after_seconds: int | None = None) -> None:
    body = f"{text}\n".encode()
    headers = [
        (b"content-type", b"text/plain; charset=utf-8"),
        (b"content-length", str(len(body)).encode("ascii")),
    ]
    if retry_after_seconds is not None:
        headers.append((b"retry-after", str(retry_after_seconds).encode("ascii")))
    if status == 401:
        headers.append((b"www-authenticate", b'Basic realm="storekeeper", charset="UTF-8"'))
        headers.append((b"www-authenticate", b'Bearer realm="storekeeper"'))
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})
