"""The URLs of places as people may see them: without their secrets."""

import os
import re
from collections.abc import Mapping
from typing import Final
from urllib.parse import unquote

# A slash may be in a password only as %2F; one that was written all the same is no less secret.
_PASSWORD: Final = re.compile(r"(?<=://)([^/@:]*):([^/]*|(?!\d+/)[^@]*)@")
# Variables whose values no message may show.
_SECRET_VARIABLES: Final = re.compile(
    r"(?i)secret|token|password|passwd|access_key|account_key|sas|credential"
)
_SHORTEST_SECRET: Final = 6


def redacted(url: str) -> str:
    """Give the URL as people may see it."""
    return _PASSWORD.sub(r"\1:***@", url)


def without_secrets(text: str, url: str, *, environment: Mapping[str, str] = os.environ) -> str:
    """Give the text without the password of the URL and without what secret variables hold."""
    match = _PASSWORD.search(url)
    secrets = {match[2], unquote(match[2]), *match[2].split("/")} - {""} if match else set()
    secrets |= {
        value
        for name, value in environment.items()
        if _SECRET_VARIABLES.search(name) and len(value) >= _SHORTEST_SECRET
    }
    for secret in sorted(secrets, key=len, reverse=True):
        text = text.replace(secret, "***")
    return text
