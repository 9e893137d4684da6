"""
Who may talk to the receiver: whoever shows a credential, on loopback too.

A credential is the bearer token, a user of the web config, or a client certificate where the web config asks
for one. A user is a known person; the token is a machine's, whoever types it into a browser. Without a
credential there is health and readiness, and, until somebody configures a credential, ``/metrics`` for the
programs of this machine.

What a browser sends on behalf of another site is refused in any case: neither a page on the internet nor a
name that resolves to 127.0.0.1 can reach in through a person's browser.

A credential that is right is looked at before any limit, so that no flood of requests without one, and no
guessing, keeps it out. All others who ask too often, or guess, must wait: 429, and at the webhook 503, which
is the only answer after which Alertmanager tries the same message again.
"""

import logging
import math
from dataclasses import dataclass
from typing import Final

from actions.receiver.rate_limit import RateLimit, client_of
from actions.receiver.requests_from import Scope, header, is_direct, is_forwarded, is_from_another_site
from storekeeper.web.guard import Application, Guard, Receive, Send, WebConfigFile, basic_credentials
from storekeeper.web.token_file import TokenFile

logger = logging.getLogger(__name__)

WEBHOOK_PATH: Final = "/api/v1/alerts"
OPEN_PATHS: Final = ("/-/healthy", "/-/ready")
METRICS_PATH: Final = "/metrics"
_WHO_CHARACTERS: Final = 64
_LET_IN: Final = "storekeeper.let_in"
WHO: Final = "storekeeper.who"
IS_PERSON: Final = "storekeeper.is_person"
MAY_KNOW_WHY: Final = "storekeeper.may_know_why"
# For the operator who reads it in Alertmanager's log, where the answers that it got stand.
UNAUTHORIZED: Final = (
    "Unauthorized: send the token of the receiver's token file, in Alertmanager as"
    " http_config: {authorization: {credentials_file: FILE}}; in a browser it is the password of any user."
)


@dataclass(frozen=True, kw_only=True)
class Requester:
    """Who asks, by the credential that was shown."""

    name: str
    is_person: bool = False


class Access:
    """
    ASGI middleware before the receiver's application.

    ``loopback``: only this machine can ask. ``token_was_made``: no one has configured one, it is the
    receiver's own.
    """

    def __init__(
        self,
        app: Application,
        *,
        web_config: WebConfigFile,
        token: TokenFile,
        token_was_made: bool,
        loopback: bool,
        requests: RateLimit,
        logins: RateLimit,
    ) -> None:
        self._guard = Guard(app, file=web_config, exempt=lambda scope: _LET_IN in scope)
        self._web_config = web_config
        self._token = token
        self._token_was_made = token_was_made
        self._loopback = loopback
        self._requests = requests
        self._logins = logins
        self._warnings = RateLimit(per_minute=1)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let the request pass or answer 401, 403, or 429 (at the webhook 503)."""
        if scope["type"] != "http":
            await self._guard(scope, receive, send)
            return
        if is_from_another_site(scope):
            await _refuse(send, status=403, text="Requests from other sites are refused.")
            return
        requester = self._known(scope)
        # Who looks after the service must not wait behind a flood.
        if scope["path"] not in OPEN_PATHS:
            client = client_of(scope["client"])
            # Who has shown a credential has an allowance of their own.
            if seconds := self._requests.take(f"{client} {requester.name}" if requester else client):
                await self._refuse_for_now(scope, send, seconds=seconds, why="too many requests")
                return
            if requester is None and header(scope, b"authorization"):
                if seconds := self._logins.take(client):
                    await self._refuse_for_now(scope, send, seconds=seconds, why="too many failed logins")
                    return
                if await self._guard.knows(scope):
                    self._logins.give_back(client)
                    requester = self._known(scope)
            if requester is None and not self._is_open_metrics(scope):
                await _refuse(send, status=401, text=UNAUTHORIZED)
                return
        scope[_LET_IN] = True
        scope[WHO] = requester.name if requester else "somebody on this machine"
        scope[IS_PERSON] = requester is not None and requester.is_person
        scope[MAY_KNOW_WHY] = requester is not None or self._is_direct(scope)
        await self._guard(scope, receive, send)

    def _known(self, scope: Scope) -> Requester | None:
        """Return who shows a credential that is known to be right; quick, and none is checked with bcrypt."""
        if credentials := basic_credentials(scope):
            user, password = credentials
            if self._token.matches(password):
                return Requester(name=_of_token(user))
            config, passwords = self._web_config.current()
            if user in config.basic_auth_users and passwords.known(user, password):
                return Requester(name=_printable(user), is_person=True)
        elif self._token.matches(_bearer(scope)):
            return Requester(name=_of_token(""))
        # A proxy's certificate says nothing about who asks through it.
        if self._certificate_is_enough() and not is_forwarded(scope):
            return Requester(name="the holder of a certificate")
        return None

    def _certificate_is_enough(self) -> bool:
        """Return whether TLS has let in only clients with a certificate, and nothing else is configured."""
        config = self._web_config.config
        return (
            asks_for_certificates(self._web_config) and not config.basic_auth_users and self._token_was_made
        )

    def _is_open_metrics(self, scope: Scope) -> bool:
        nothing_configured = self._token_was_made and not is_protected(self._web_config)
        return scope["path"] == METRICS_PATH and nothing_configured and self._is_direct(scope)

    def _is_direct(self, scope: Scope) -> bool:
        return self._loopback and is_direct(scope)

    async def _refuse_for_now(self, scope: Scope, send: Send, *, seconds: float, why: str) -> None:
        if not self._warnings.take(client := client_of(scope["client"])):
            logger.warning("%s: %s; refused for now", client, why)
        status = 503 if scope["path"] == WEBHOOK_PATH else 429
        await _refuse(send, status=status, text=f"Wait: {why}.", retry_after_seconds=math.ceil(seconds))


def is_protected(web_config: WebConfigFile) -> bool:
    """Return whether the web config lets in only whom it knows: users, or clients with certificates."""
    return bool(web_config.config.basic_auth_users) or asks_for_certificates(web_config)


def asks_for_certificates(web_config: WebConfigFile) -> bool:
    """Return whether the web config lets in only clients with a certificate."""
    tls = web_config.config.tls_server_config
    return tls is not None and tls.client_auth_type == "RequireAndVerifyClientCert"


def _bearer(scope: Scope) -> bytes:
    """Return the token behind ``Bearer``, empty where there is none or more than one header."""
    values = [value for name, value in scope["headers"] if name == b"authorization"]
    scheme, _, given = values[0].partition(b" ") if len(values) == 1 else (b"", b"", b"")
    return bytes(given.strip()) if scheme.lower() == b"bearer" else b""


def _of_token(user: str) -> str:
    # Any name passes with the token as password: it must not look like that of a known person.
    return f"{_printable(user)}, by the token" if user else "the holder of the token"


def _printable(name: str) -> str:
    """Return a name that draws on no one's terminal."""
    return "".join(
        sign if sign.isprintable() else "\N{REPLACEMENT CHARACTER}" for sign in name[:_WHO_CHARACTERS]
    )


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
