"""Make a key pair of age and write its secret half to a file, as age-keygen does."""

import datetime as dt
import os
import sys
from pathlib import Path
from typing import Final

from storekeeper.errors import ConfigurationError

_NEW_FLAGS: Final = (
    os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_BINARY", 0)
)


def make_key(file: Path | None, *, now: dt.datetime) -> str:
    """
    Make a pair, write the identity to ``file``, for our user alone, and return the recipient.

    Without a file it goes to standard output. Raises ConfigurationError where the file is there already:
    another key in its place could open nothing that was encrypted before.
    """
    import pyrage

    identity = pyrage.x25519.Identity.generate()
    recipient = str(identity.to_public())
    text = f"# created: {now.isoformat(timespec='seconds')}\n# public key: {recipient}\n{identity}\n"
    if file is None:
        sys.stdout.write(text)
        sys.stdout.flush()
        return recipient
    try:
        descriptor = os.open(file, _NEW_FLAGS, 0o600)
    except FileExistsError:
        raise ConfigurationError(
            f"{file} exists already", hint="A key that is replaced opens nothing any more: name another file"
        ) from None
    except OSError as error:
        raise ConfigurationError(f"{file} cannot be written: {error.strerror or error}") from None
    with os.fdopen(descriptor, "wb") as stream:
        stream.write(text.encode("ascii"))
        stream.flush()
        os.fsync(stream.fileno())
    return recipient
