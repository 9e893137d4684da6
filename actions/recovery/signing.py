"""
Sign evidence: a DSSE envelope with an Ed25519 signature, which standard tools verify.

What is signed is DSSE's pre-authentication encoding of the payload (``DSSEv1 LENGTH TYPE LENGTH PAYLOAD``).
The key is made at first use, in a file that our own user alone can read; its public half lies beside it.
"""

import base64
import hashlib
import json
import os
from pathlib import Path
from typing import Any, Final

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from storekeeper.errors import ConfigurationError
from storekeeper.files import PartialFile
from storekeeper.files.private import make_private_folder

KEY: Final = "evidence_key.pem"
PUBLIC_KEY: Final = "evidence_key.pub.pem"
PAYLOAD_TYPE: Final = "application/vnd.in-toto+json"


def sign(payload: bytes, *, folder: Path) -> dict[str, Any]:
    """Return the envelope around a payload, signed with the key in ``folder``."""
    key = _key(folder)
    signature = key.sign(encoded(payload, payload_type=PAYLOAD_TYPE))
    return {
        "payload": base64.b64encode(payload).decode("ascii"),
        "payloadType": PAYLOAD_TYPE,
        "signatures": [
            {"keyid": key_id(key.public_key()), "sig": base64.b64encode(signature).decode("ascii")}
        ],
    }


def verified_payload(envelope: dict[str, Any], *, folder: Path) -> bytes | None:
    """Return the payload where the key in ``folder`` has signed it, else None."""
    try:
        public = serialization.load_pem_public_key((folder / PUBLIC_KEY).read_bytes())
        payload = base64.b64decode(envelope["payload"], validate=True)
        signed = encoded(payload, payload_type=envelope["payloadType"])
        assert isinstance(public, Ed25519PublicKey)
        public.verify(base64.b64decode(envelope["signatures"][0]["sig"], validate=True), signed)
    except (OSError, ValueError, KeyError, TypeError, IndexError, AssertionError, InvalidSignature):
        return None
    return payload


def encoded(payload: bytes, *, payload_type: str) -> bytes:
    """Return DSSE's pre-authentication encoding."""
    kind = payload_type.encode("utf-8")
    return b"DSSEv1 %d %b %d %b" % (len(kind), kind, len(payload), payload)


def key_id(key: Ed25519PublicKey) -> str:
    """Return the name of a key: the SHA-256 of its public half as DER."""
    return hashlib.sha256(
        key.public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
    ).hexdigest()


def _key(folder: Path) -> Ed25519PrivateKey:
    path = folder / KEY
    make_private_folder(folder)
    if not os.path.lexists(path):
        key = Ed25519PrivateKey.generate()
        _write(
            path,
            key.private_bytes(
                serialization.Encoding.PEM,
                serialization.PrivateFormat.PKCS8,
                serialization.NoEncryption(),
            ),
        )
    try:
        loaded = serialization.load_pem_private_key(path.read_bytes(), password=None)
    except (OSError, ValueError) as error:
        raise ConfigurationError(
            f"{path} is not a key that evidence can be signed with: {error}",
            hint="Move it away; the next drill makes a new one",
        ) from None
    if not isinstance(loaded, Ed25519PrivateKey):
        raise ConfigurationError(f"{path} is not an Ed25519 key", hint="Move it away")
    public = loaded.public_key().public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    if not (folder / PUBLIC_KEY).exists() or (folder / PUBLIC_KEY).read_bytes() != public:
        _write(folder / PUBLIC_KEY, public)
    return loaded


def _write(path: Path, content: bytes) -> None:
    with PartialFile(path) as file:
        file.stream.write(content)
        file.finish(replace=path.name == PUBLIC_KEY)


def read_envelope(path: Path) -> dict[str, Any] | None:
    """Return the envelope in a file, None where there is none."""
    try:
        envelope = json.loads(path.read_bytes())
    except (OSError, ValueError):
        return None
    return envelope if isinstance(envelope, dict) else None
