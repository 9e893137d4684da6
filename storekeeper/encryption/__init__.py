"""
Encryption of backups with age (https://age-encryption.org), so that any age tool reads them.

Who encrypts needs recipients, public keys alone. Who decrypts needs an identity, the secret half, which stays
away from the shop's machine. pyrage is imported where it is used, never before.
"""

from storekeeper.encryption.identities import Identities, read_identities
from storekeeper.encryption.recipients import Recipients, check_recipient
from storekeeper.encryption.streams import decrypt_stream, encrypt_stream

__all__ = [
    "Identities",
    "Recipients",
    "check_recipient",
    "decrypt_stream",
    "encrypt_stream",
    "read_identities",
]
