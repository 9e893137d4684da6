"""
The password of the restic repository at a place, encrypted to the recipients of the backups.

A machine that is gone took the password with it, and without it no file comes back from the repository. So
where copies are encrypted it goes with them: whoever has the identity needs nothing else.
"""

import hashlib
import io
import os
from typing import Final

from actions.backups.restic.repository import repository_of
from actions.offsite.piped import Blocks
from actions.offsite.place import OffsitePlace
from storekeeper.backups import ENCRYPTED_SUFFIX
from storekeeper.config import Config
from storekeeper.encryption import Identities, Recipients, decrypt_stream
from storekeeper.files import Tree

_WORD: Final = ".restic-password."
_MOST_BYTES: Final = 1 << 16


def put_restic_password(
    place: OffsitePlace, *, config: Config, recipients: Recipients, names: set[str]
) -> str:
    """
    Bring the password where it is not among the ``names`` there; return the name of its file.

    Another password gets another file, so none that may still be needed is replaced. Empty where the config
    has no repository, or its password is not there yet.
    """
    if config.backups.media.engine != "restic":
        return ""
    path = repository_of(config).password_file
    try:
        with Tree(path.parent) as tree, tree.open(path.name) as file:
            password = file.read(_MOST_BYTES)
    except FileNotFoundError:
        return ""
    name = f"{config.shop}{_WORD}{_mark(password, shop=config.shop)}{ENCRYPTED_SUFFIX}"
    if name not in names:
        sha256 = hashlib.sha256(password).hexdigest()
        place.put(io.BytesIO(password), name=name, sha256=sha256, recipients=recipients)
    return name


def restic_passwords_at(place: OffsitePlace, *, shop: str, identities: Identities) -> list[bytes]:
    """Return the passwords of the shop's repositories that the identities open; raises WrongIdentity."""
    found = []
    for name in sorted(place.names()):
        if name.startswith(f"{shop}{_WORD}") and name.endswith(ENCRYPTED_SUFFIX):
            sink = io.BytesIO()
            decrypt_stream(Blocks(place.read(name)), sink, identities=identities, name=name)
            found.append(sink.getvalue())
    return found


def _mark(password: bytes, *, shop: str) -> str:
    """Return a word that tells passwords apart, as slow to guess from as restic's own key."""
    return hashlib.scrypt(password, salt=os.fsencode(shop), n=1 << 14, r=8, p=1, dklen=4).hex()
