"""
The manifest of an encrypted backup: a few words in clear, and the whole one encrypted within.

In clear stands what is needed to find the copy, to judge its age and to check its bytes, with no key at all:
shop, database or area, format, moments, sums of the encrypted file, whether it was verified, and whose keys
open it. Tables, rows, names of files, errors and the sum of the content are in the encrypted part alone.
"""

import io
from typing import Final

from actions.backups.manifest import FAILED_IN_CLEAR
from storekeeper.backups import ENCRYPTED_SUFFIX, Manifest, plain_name, sums_name
from storekeeper.backups.manifest import read_manifest_text
from storekeeper.encryption import Identities, Recipients, decrypt_stream
from storekeeper.encryption.proof import PassingKey
from storekeeper.errors import BackupRefused

_LACKS: Final = "something could not be read; what stands in the encrypted part of its manifest"
# Keys of the whole manifest that the clear one repeats. A new key is not among them until someone decides so.
_CLEAR: Final = (
    "version",
    "kind",
    "created",
    "number",
    "snapshot",
    "shop",
    "database",
    "area",
    "format",
    "repository",
    "snapshot_id",
    "copies",
    "verified",
)
# Of these, what becomes known after the backup was encrypted: the clear manifest has the last word.
_LATER: Final = ("verified", "copies")


def manifest_in_clear(
    whole: Manifest, *, sha256: str, size_bytes: int, recipients: tuple[str, ...], encrypted: str = ""
) -> Manifest:
    """
    Return what is said beside the encrypted backup, whose bytes have that sum and size.

    ``encrypted`` is the encrypted part when it exists already; else it is made.
    """
    file = plain_name(whole.file) + ENCRYPTED_SUFFIX
    return Manifest.model_validate(
        {
            **{key: getattr(whole, key) for key in _CLEAR},
            "file": file,
            "sha256": sha256,
            "size_bytes": size_bytes,
            "sums_file": sums_name(file) if whole.sums_file else "",
            "lacks": _LACKS if whole.lacks else "",
            "verification_error": FAILED_IN_CLEAR if whole.verification_error else "",  # it may name rows
            "recipients": recipients,
            "encrypted_manifest": encrypted or _encrypted(whole, recipients=Recipients(recipients)),
        }
    )


def decrypted_manifest(manifest: Manifest, *, identities: Identities) -> Manifest:
    """
    Return the whole manifest; what became of the backup's verification since is taken from the clear one.

    Raises WrongIdentity, and BackupRefused where the encrypted part is damaged or is of another backup.
    """
    text = io.BytesIO()
    decrypt_stream(
        io.BytesIO(manifest.encrypted_manifest.encode()),
        text,
        identities=identities,
        name=f"the manifest of {manifest.file}",
    )
    whole = read_manifest_text(text.getvalue(), file=plain_name(manifest.file))
    if (
        whole is None
        or whole.encrypted
        or any(getattr(whole, key) != getattr(manifest, key) for key in _CLEAR if key not in _LATER)
    ):
        raise BackupRefused(
            f"the manifest of {manifest.file} is damaged: its encrypted part speaks of something else",
            hint="Take another copy, or an older backup",
        )
    update: dict[str, object] = {key: getattr(manifest, key) for key in _LATER}
    if not manifest.verified or not whole.verified:
        update["verified_by"] = whole.verified_by if manifest.verified and whole.verified else ""
    if bool(manifest.verification_error) != bool(whole.verification_error):
        update["verification_error"] = manifest.verification_error
    return whole.model_copy(update=update)


def is_same_backup(one: Manifest, other: Manifest) -> bool:
    """Tell whether two manifests, of which one may be encrypted, speak of the same backup."""
    if one.sha256 == other.sha256:
        return True
    if not (one.encrypted or other.encrypted):
        return False
    told = [key for key in _CLEAR if key not in (*_LATER, "version")]
    return plain_name(one.file) == plain_name(other.file) and all(
        getattr(one, key) == getattr(other, key) for key in told
    )


def _encrypted(whole: Manifest, *, recipients: Recipients) -> str:
    import pyrage

    text = whole.text().encode("utf-8", "backslashreplace")
    key = PassingKey(recipients)
    encrypted: str = pyrage.encrypt(text, list(key.recipients.keys), armored=True).decode()
    found = io.BytesIO()
    key.decrypt(io.BytesIO(encrypted.encode()), found, name=f"the manifest of {whole.file}")
    if found.getvalue() != text:
        raise BackupRefused(f"the manifest of {whole.file} does not decrypt to what was encrypted")
    return encrypted
