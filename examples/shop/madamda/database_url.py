"""Turn a ``postgresql://`` URL into one entry of Django's DATABASES."""

from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit


class BadDatabaseURL(ValueError):
    """The URL is not one the shop understands. The message never repeats it: it may hold a password."""


def parse_database_url(url: str) -> dict[str, Any]:
    """
    Return the Django settings for ``postgresql://user:password@host:port/name?option=value``.

    Every part may be percent-encoded. The host may be a socket directory, given as ``?host=/path`` or
    percent-encoded in the place of the host. Other options go to the driver (``sslmode``, ...).
    """
    parts = urlsplit(url)
    if parts.scheme not in ("postgresql", "postgres"):
        raise BadDatabaseURL("SHOP_DATABASE_URL must start with postgresql://")
    name = unquote(parts.path.removeprefix("/"))
    if not name:
        raise BadDatabaseURL("SHOP_DATABASE_URL names no database: postgresql://user@host/NAME")
    # Not parts.hostname: it is lower-cased, and a socket directory may have capitals.
    credentials, _, address = parts.netloc.rpartition("@")
    user, _, password = credentials.partition(":")
    host, port = _split_address(address)
    options = dict(parse_qsl(parts.query))
    return {
        "ENGINE": "django.db.backends.postgresql",
        "NAME": name,
        "USER": options.pop("user", unquote(user)),
        "PASSWORD": options.pop("password", unquote(password)),
        "HOST": options.pop("host", unquote(host)),
        "PORT": options.pop("port", port),
        "OPTIONS": options,
    }


def _split_address(address: str) -> tuple[str, str]:
    if address.startswith("["):
        host, _, rest = address[1:].partition("]")
        return host, rest.removeprefix(":")
    host, _, port = address.partition(":")
    return host, port
