"""Encrypt and decrypt streams with age, in pieces: memory does not grow with them."""

from collections.abc import Callable
from typing import Any, Final, Protocol

from storekeeper.encryption.identities import Identities
from storekeeper.encryption.recipients import Recipients
from storekeeper.errors import BackupRefused, ConfigurationError

# age itself asks for 8 KiB at a time, which is slow for a file and slower for a line to another machine.
_READ_BYTES: Final = 1 << 20


class Source(Protocol):
    """What can be read from; fewer bytes than asked for may come, none at the end alone."""

    def read(self, size: int, /) -> bytes:
        """Return the next bytes."""


class Sink(Protocol):
    """What can be written to."""

    def write(self, data: bytes, /) -> object:
        """Take the next bytes."""


class WrongIdentity(BackupRefused):
    """None of the identities is one that the file was encrypted to."""


def encrypt_stream(source: Source, sink: Sink, *, recipients: Recipients) -> None:
    """Encrypt all of ``source`` into ``sink``; what these two raise is passed on as it is."""
    import pyrage

    kept = _Kept(source.read, sink.write)
    try:
        pyrage.encrypt_io(kept, kept, list(recipients.keys))
    except (pyrage.EncryptError, OSError, ValueError) as error:
        kept.raise_first()
        raise BackupRefused(f"age could not encrypt: {error}") from None
    kept.raise_first()


def decrypt_stream(source: Source, sink: Sink, *, identities: Identities, name: str) -> None:
    """
    Decrypt all of ``source`` into ``sink``; ``name`` is what errors call it.

    Each piece reaches the sink after it was authenticated. Raises WrongIdentity, and BackupRefused for what
    is damaged, cut or followed by other bytes: what the sink has by then is not to be used.
    """
    import pyrage

    kept = _Kept(source.read, sink.write)
    try:
        pyrage.decrypt_io(kept, kept, list(identities.keys))
    except (pyrage.DecryptError, OSError, ValueError) as error:
        kept.raise_first()
        if "No matching keys" in str(error):
            raise WrongIdentity(
                f"{name} is not encrypted to this identity{_told(identities)}",
                hint="Name the identity file that belongs to a recipient of the backup with --identity",
            ) from None
        raise BackupRefused(
            f"{name} cannot be decrypted, it is cut or damaged: {error}",
            hint="Take another copy, or an older backup",
        ) from None
    kept.raise_first()


def require_identities(
    identities: Identities | None, *, name: str, recipients: tuple[str, ...]
) -> Identities:
    """Return the identities; raises ConfigurationError that says which one is wanted where there is none."""
    if identities is None:
        known = f" (to {', '.join(recipients)})" if recipients else ""
        raise ConfigurationError(
            f"{name} is encrypted{known}",
            hint="--identity FILE names the file of its key, - is standard input",
        )
    return identities


def _told(identities: Identities) -> str:
    return f" (of {', '.join(identities.recipients)})" if identities.recipients else ""


class _Kept:
    """A reader and writer for pyrage that keeps the first error, which would come back as a text alone."""

    def __init__(self, read: Callable[[int], bytes], write: Callable[[bytes], Any]) -> None:
        self._read, self._write = read, write
        self._waiting = memoryview(b"")
        self._error: BaseException | None = None

    def read(self, size: int = -1) -> bytes:
        try:
            if not self._waiting:
                self._waiting = memoryview(self._read(max(size, _READ_BYTES)))
            count = len(self._waiting) if size < 0 else size
            data, self._waiting = bytes(self._waiting[:count]), self._waiting[count:]
        except BaseException as error:
            self._error = self._error or error
            raise
        return data

    def write(self, data: bytes) -> int:
        try:
            self._write(data)
        except BaseException as error:
            self._error = self._error or error
            raise
        return len(data)

    def flush(self) -> None:
        """Nothing is held back."""

    def raise_first(self) -> None:
        if self._error is not None:
            raise self._error
