"""To whom backups are encrypted."""

from pydantic import Field

from storekeeper.config.fields import Model, Recipient


class Encryption(Model):
    """Encryption of backups with age; any age tool decrypts them."""

    recipients: tuple[Recipient, ...] = Field(min_length=1)
    """
    Public keys, ``age1…`` or of SSH: any one of their identities decrypts. ``storekeeper recovery-key`` makes
    a pair. Two are better than one: the owner's, and one that lies in a safe.
    """
    at_rest: bool = False
    """
    Whether the backups in ``backups.path`` are encrypted too, right after they were verified. Whoever
    restores or verifies one then needs the identity.
    """
