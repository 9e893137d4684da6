"""The secret keys that decrypt backups, read from a file that a person names; never logged, never kept."""

import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from storekeeper.errors import ConfigurationError

IDENTITY_VARIABLE: Final = "STOREKEEPER_IDENTITY_FILE"
STANDARD_INPUT: Final = "-"

_MOST_BYTES: Final = 1 << 20
_ENCRYPTED: Final = ("age-encryption.org/", "-----BEGIN AGE ENCRYPTED FILE-----")


@dataclass(frozen=True, kw_only=True)
class Identities:
    """Secret keys; ``recipients`` are their public halves, of SSH keys none."""

    keys: tuple[Any, ...] = field(repr=False)
    recipients: tuple[str, ...] = ()


def read_identities(
    name: str | Path | None, *, environment: Mapping[str, str] = os.environ
) -> Identities | None:
    """
    Return the identities in the file ``name``, ``-`` being standard input.

    Without a name it is the file that $STOREKEEPER_IDENTITY_FILE says; None without both. Raises
    ConfigurationError, which never shows what the file holds.
    """
    name = name or environment.get(IDENTITY_VARIABLE) or None
    if name is None:
        return None
    if str(name) == STANDARD_INPUT:
        if sys.stdin is None or sys.stdin.isatty():
            raise ConfigurationError(
                "no identity comes from standard input", hint="Name a file, or pipe the identity in"
            )
        return parse_identities(sys.stdin.buffer.read(_MOST_BYTES), name="standard input")
    path = Path(name).expanduser()
    try:
        with path.open("rb") as file:
            return parse_identities(file.read(_MOST_BYTES), name=str(path))
    except OSError as error:
        raise ConfigurationError(
            f"the identity file {path} cannot be read: {error.strerror or error}",
            hint="It is the file that storekeeper recovery-key wrote; bring it from where it is kept",
        ) from None


def parse_identities(content: bytes, *, name: str) -> Identities:
    """Return the identities in a file's content: age's own, one a line, or one SSH private key."""
    import pyrage

    text = content.decode("utf-8", "replace").lstrip("\ufeff \t\r\n")
    if text.startswith(_ENCRYPTED):
        raise ConfigurationError(
            f"{name} is protected by a passphrase",
            hint="age -d FILE | storekeeper … --identity - asks for it",
        )
    keys: list[Any] = []
    recipients: list[str] = []
    try:
        if text.startswith("-----BEGIN "):
            keys.append(pyrage.ssh.Identity.from_buffer(content))
        else:
            for line in filter(None, map(str.strip, text.splitlines())):
                if not line.startswith("#"):
                    key = pyrage.x25519.Identity.from_str(line)
                    keys.append(key)
                    recipients.append(str(key.to_public()))
    except (pyrage.IdentityError, ValueError, OSError):
        keys = []
    if not keys:
        raise ConfigurationError(
            f"{name} holds no identity of age",
            hint="An identity is a line AGE-SECRET-KEY-1…, or an SSH private key without a passphrase",
        )
    return Identities(keys=tuple(keys), recipients=tuple(recipients))
