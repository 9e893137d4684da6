"""
A key of a repository that opens at once, for tests alone.

Restic makes its keys so that each opening takes half a second of computing. Another key of the same password
with the least computing is as good for restic, and a test starts restic ten times.
"""

import base64
import datetime as dt
import hashlib
import json
import os
from pathlib import Path

from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.poly1305 import Poly1305

_N, _R, _P = 2, 8, 1
# The bits of the one-time key's first half that Poly1305 has no use for.
_MASK = bytes([255, 255, 255, 15, 252, 255, 255, 15, 252, 255, 255, 15, 252, 255, 255, 15])


def make_quick(repository: Path, *, master_key: str, password: str) -> None:
    """Replace the keys of a repository by a quick one; ``restic cat masterkey`` says the ``master_key``."""
    salt, nonce = os.urandom(64), os.urandom(16)
    user = hashlib.scrypt(password.encode(), salt=salt, n=_N, r=_R, p=_P, dklen=64)
    encrypt, mac_k, mac_r = user[:32], user[32:48], user[48:64]
    text = Cipher(algorithms.AES(encrypt), modes.CTR(nonce)).encryptor().update(master_key.encode())
    one_time = Cipher(algorithms.AES(mac_k), modes.ECB()).encryptor().update(nonce)
    masked = bytes(byte & mask for byte, mask in zip(mac_r, _MASK, strict=True))
    mac = Poly1305.generate_tag(masked + one_time, text)
    key = json.dumps(
        {
            "created": dt.datetime.now(tz=dt.UTC).isoformat(),
            "username": "test",
            "hostname": "test",
            "kdf": "scrypt",
            "N": _N,
            "r": _R,
            "p": _P,
            "salt": base64.b64encode(salt).decode(),
            "data": base64.b64encode(nonce + text + mac).decode(),
        }
    ).encode()
    folder = repository / "keys"
    old = list(folder.iterdir())
    (folder / hashlib.sha256(key).hexdigest()).write_bytes(key)
    for file in old:
        file.unlink()
