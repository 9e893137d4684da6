"""The bearer token of a service in a file of its own: made once, readable by its owner alone, read again."""

import hashlib
import hmac
import logging
import os
import secrets
import threading
from contextlib import suppress
from pathlib import Path
from typing import Final

from storekeeper.errors import ConfigurationError
from storekeeper.files.private import make_private_folder
from storekeeper.files.version import version_of

logger = logging.getLogger(__name__)

_LEAST_CHARACTERS: Final = 16
_TOKEN_BYTES: Final = 32
_OTHERS_MAY_READ: Final = 0o004


class TokenFile:
    """
    The token in a file, read again when the file changes; the last good one stays while it is broken.

    Raises ConfigurationError when the first reading fails.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._lock = threading.Lock()
        self._seen = version_of(path)
        self._digest = _digest(_read_token(path))
        self._warn_if_readable()

    def matches(self, given: bytes) -> bool:
        """Return whether this is the token, in a time that says nothing about it."""
        if (seen := version_of(self.path)) != self._seen:
            with self._lock:
                if seen != self._seen:
                    self._seen = seen
                    try:
                        self._digest = _digest(_read_token(self.path))
                    except ConfigurationError as error:
                        logger.error("keeping the current token: %s", error)
        return hmac.compare_digest(_digest(given), self._digest)

    def _warn_if_readable(self) -> None:
        with suppress(OSError):
            if os.name == "posix" and self.path.stat().st_mode & _OTHERS_MAY_READ:
                logger.warning(
                    "every user of this machine can read the token in %s: chmod 600, or 640 with a group",
                    self.path,
                )


def make_token_file(path: Path) -> None:
    """
    Write a new token for the owner alone, unless the file exists; no one ever sees half of it.

    Raises ConfigurationError.
    """
    if path.exists():
        return
    partial = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    try:
        make_private_folder(path.parent)
        descriptor = os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        try:
            with os.fdopen(descriptor, "w") as file:
                file.write(secrets.token_urlsafe(_TOKEN_BYTES) + "\n")
                file.flush()
                os.fsync(file.fileno())
            # A link is refused where the name is taken: of two that start at once, one makes the token.
            with suppress(FileExistsError):
                os.link(partial, path)
        finally:
            partial.unlink()
    except OSError as error:
        raise ConfigurationError(
            f"the token {path} cannot be written: {error.strerror}",
            hint="Free space there, or give receiver.token_file: a file with a token",
        ) from None


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
