"""Where a request comes from: this machine itself, a proxy, a page of another site."""

import ipaddress
from collections.abc import MutableMapping
from typing import Any, Final
from urllib.parse import urlsplit

Scope = MutableMapping[str, Any]

SAFE_METHODS: Final = ("GET", "HEAD")
LOOPBACK_NAMES: Final = ("localhost", "127.0.0.1", "::1")
# What proxies, tunnels and content networks add: behind one of them, loopback means the internet.
_FORWARDED: Final = frozenset(
    {
        b"forwarded",
        b"via",
        b"client-ip",
        b"true-client-ip",
        b"x-real-ip",
        b"x-client-ip",
        b"x-cluster-client-ip",
        b"x-remote-ip",
        b"x-remote-addr",
        b"x-amzn-trace-id",
        b"cdn-loop",
    }
)
_FORWARDED_PREFIXES: Final = (b"x-forwarded", b"x-original-", b"x-envoy-", b"cf-", b"fastly-", b"x-azure-")


def is_direct(scope: Scope) -> bool:
    """Return whether a program of this machine asked, through no proxy, and under a name of this machine."""
    return _is_loopback(scope["client"]) and not is_forwarded(scope) and _host(scope) in LOOPBACK_NAMES


def is_forwarded(scope: Scope) -> bool:
    """Return whether a proxy passed the request on."""
    return any(name in _FORWARDED or name.startswith(_FORWARDED_PREFIXES) for name, _ in scope["headers"])


def is_from_another_site(scope: Scope) -> bool:
    """
    Return whether a browser says that a page of another site caused the request; other programs say nothing.

    A link that somebody follows to one of our pages is no such request.
    """
    origin = header(scope, b"origin")
    if origin and urlsplit(origin).netloc.lower() != header(scope, b"host").lower():
        return True
    if header(scope, b"sec-fetch-site") in ("", "same-origin", "none"):
        return False
    follows_link = (
        scope["method"] in SAFE_METHODS
        and header(scope, b"sec-fetch-mode") == "navigate"
        and header(scope, b"sec-fetch-dest") == "document"
    )
    return not follows_link


def header(scope: Scope, wanted: bytes) -> str:
    """Return the first value of a header, ``""`` where there is none."""
    return next((value.decode("latin-1") for name, value in scope["headers"] if name == wanted), "")


def _is_loopback(client: tuple[str, int] | None) -> bool:
    try:
        return client is not None and ipaddress.ip_address(client[0].partition("%")[0]).is_loopback
    except ValueError:
        return False


def _host(scope: Scope) -> str:
    try:
        return urlsplit(f"//{header(scope, b'host')}").hostname or ""
    except ValueError:
        return ""
