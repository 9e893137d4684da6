"""JSON in a manifest that no person reads: packed with zlib, in base64."""

import json
from base64 import b64decode, b64encode
from typing import Any
from zlib import compress, decompress


def packed_json(value: Any) -> str:
    """Return the text for a value."""
    return b64encode(compress(json.dumps(value, separators=(",", ":")).encode())).decode("ascii")


def unpacked_json(text: str) -> Any:
    """Return the value of a text; None for the empty one."""
    return json.loads(decompress(b64decode(text))) if text else None
