"""Ask another service over HTTP: always with a time limit, never with more than the config allows."""

import json
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import requests
from requests.auth import AuthBase, HTTPBasicAuth

from storekeeper.config.services import Service
from storekeeper.errors import ConfigurationError, StorekeeperError

CONNECT_SECONDS: Final = 5.0
SILENT_SECONDS: Final = 10.0
# An answer that comes in drops must not hold us for ever.
ANSWER_SECONDS: Final = 30.0
MOST_ANSWER_BYTES: Final = 16 * 1024 * 1024
# Refused now, and perhaps not later: too many requests, or a proxy that waited in vain.
_PASSING: Final = (408, 425, 429)


class ServiceFailed(StorekeeperError):
    """
    The service was not reached or refused; ``permanent`` when asking again would not help.

    ``status`` is the one of its answer, 0 when there was none.
    """

    def __init__(self, message: str, *, hint: str = "", permanent: bool, status: int = 0) -> None:
        super().__init__(message, hint=hint)
        self.permanent = permanent
        self.status = status


def ask(
    service: Service,
    method: str,
    path: str,
    *,
    json_body: Any = None,
    query: Mapping[str, Any] | None = None,
    answer_seconds: float = ANSWER_SECONDS,
    most_answer_bytes: int = MOST_ANSWER_BYTES,
) -> Any:
    """
    Send a request to a path below the service's address and give its answer, parsed; None for an empty one.

    Secrets are read from their files each time, so a new one is used at once. No redirect is followed: the
    credentials are for this address alone. Raises ServiceFailed, or ConfigurationError for a file of secrets
    that cannot be read.
    """
    url = service.url.rstrip("/") + path
    deadline = time.monotonic() + answer_seconds
    certificate = (
        (str(service.certificate_file), str(service.key_file or service.certificate_file))
        if service.certificate_file
        else None
    )
    try:
        with requests.request(
            method,
            url,
            json=json_body,
            params=query,
            auth=_credentials(service),
            verify=str(service.ca_file) if service.ca_file else True,
            cert=certificate,
            timeout=(CONNECT_SECONDS, SILENT_SECONDS),
            allow_redirects=False,
            stream=True,
        ) as response:
            text = _read(response, deadline=deadline, most_bytes=most_answer_bytes)
    except requests.RequestException as error:
        # The error's own text may hold the whole URL and what the server sent.
        raise ServiceFailed(
            f"{service.url} does not answer: {type(error).__name__}", permanent=False
        ) from None
    except OSError as error:
        raise ConfigurationError(f"{service.url} cannot be asked: {error}") from None
    if not 200 <= response.status_code < 300:
        raise ServiceFailed(
            f"{service.url} answered {response.status_code} to {method} {path}",
            hint=text[:200].decode("utf-8", "replace"),
            permanent=response.status_code < 500 and response.status_code not in _PASSING,
            status=response.status_code,
        )
    try:
        return json.loads(text) if text.strip() else None
    except ValueError:
        raise ServiceFailed(
            f"{service.url} answered without JSON to {method} {path}", permanent=True
        ) from None


def _read(response: requests.Response, *, deadline: float, most_bytes: int) -> bytes:
    text = bytearray()
    for chunk in response.iter_content(64 * 1024):
        text += chunk
        if len(text) > most_bytes:
            raise requests.exceptions.ContentDecodingError("the answer is too long")
        if time.monotonic() > deadline:
            raise requests.exceptions.ReadTimeout("the answer takes too long")
    return bytes(text)


class _Bearer(AuthBase):
    """The token, or nothing at all; with an object of ours requests looks for no .netrc."""

    def __init__(self, token: str) -> None:
        self._token = token

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        if self._token:
            request.headers["Authorization"] = f"Bearer {self._token}"
        return request


def _credentials(service: Service) -> AuthBase:
    if service.user is not None and service.password_file is not None:
        return HTTPBasicAuth(service.user.encode(), _secret(service.password_file).encode())
    return _Bearer(_secret(service.token_file) if service.token_file else "")


def _secret(path: Path) -> str:
    try:
        secret = path.read_text("utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigurationError(f"the secret in {path} cannot be read: {type(error).__name__}") from None
    if not secret or not secret.isprintable():
        raise ConfigurationError(f"{path} holds no secret of one line")
    return secret
