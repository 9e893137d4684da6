"""
Prove that what was encrypted decrypts to what it was made of, on a machine that has recipients alone.

A key is made for one file and added to its recipients. With it the file is decrypted once, as it lies where
it was written; then the key is forgotten. It was never anywhere but in this process's memory, which had the
content itself.
"""

import hashlib
from typing import Any

from storekeeper.encryption.identities import Identities
from storekeeper.encryption.recipients import Recipients
from storekeeper.encryption.streams import Sink, Source, decrypt_stream


class _Sums:
    def __init__(self) -> None:
        self._sums: Any = hashlib.sha256()

    def write(self, data: bytes, /) -> None:
        self._sums.update(data)

    def hexdigest(self) -> str:
        return str(self._sums.hexdigest())


class PassingKey:
    """A key for one file; ``recipients`` are those that were given and this one."""

    def __init__(self, recipients: Recipients) -> None:
        """Make the key."""
        import pyrage

        identity = pyrage.x25519.Identity.generate()
        self.recipients = recipients.plus(identity.to_public())
        self._identities = Identities(keys=(identity,))

    def content_sha256(self, file: Source, *, name: str) -> str:
        """Decrypt the file and return the SHA-256 of what it holds; raises BackupRefused."""
        sums = _Sums()
        self.decrypt(file, sums, name=name)
        return sums.hexdigest()

    def decrypt(self, file: Source, sink: Sink, *, name: str) -> None:
        """Decrypt the file into ``sink``; raises BackupRefused."""
        decrypt_stream(file, sink, identities=self._identities, name=name)
