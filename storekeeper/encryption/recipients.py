"""The public keys that backups are encrypted to: age's own, and SSH keys."""

from collections.abc import Iterable
from typing import Any, Final, Self

_SECRET: Final = "AGE-SECRET-KEY-"  # noqa: S105 - how such keys begin, none itself
_SSH: Final = ("ssh-ed25519 ", "ssh-rsa ")


def check_recipient(text: str) -> str:
    """Return the recipient in its plain form; raises ValueError that says what to write, never the text."""
    text = text.strip()
    if text.upper().startswith(_SECRET):
        raise ValueError(
            "this is the secret half of a key, which must not lie here; write its recipient, age1…"
        )
    _parse(text)
    return text


def _parse(text: str) -> Any:
    import pyrage

    try:
        if text.startswith(_SSH):
            return pyrage.ssh.Recipient.from_str(text)
        return pyrage.x25519.Recipient.from_str(text)
    except pyrage.RecipientError:
        raise ValueError(
            "no recipient of age; write age1…, as storekeeper recovery-key prints it, or an SSH public key"
        ) from None


class Recipients:
    """Some public keys; any one of their identities decrypts what is encrypted to them."""

    def __init__(self, texts: Iterable[str]) -> None:
        """Parse the keys; raises ValueError for one that is none."""
        self.texts = tuple(dict.fromkeys(texts))
        self.keys: tuple[Any, ...] = tuple(_parse(text) for text in self.texts)

    def plus(self, more: Any) -> Self:
        """Return these recipients and one more, a key of pyrage."""
        both = type(self)(self.texts)
        both.keys = (*self.keys, more)
        return both
