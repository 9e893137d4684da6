"""The text of a config as a backup may carry it to other machines: without secrets."""

import re
from typing import Final

HIDDEN: Final = "***"

# user:password@ in a URL; the user stays. A slash or an @ may stand in a password that was written as it is.
_URL_PASSWORD: Final = re.compile(r"(?<=://)([^/@:\s]*):(?:[^/\s\"']*|(?!\d+/)[^@\s\"']*)@")
# A key that is called like a secret and holds a text of its own; ${NAME} and files tell nothing.
_SECRET_KEY: Final = re.compile(
    r"(?im)(?P<key>\b[\w-]*(?:password|secret|token|key|credentials)['\"]?\s*:[ \t]+)"
    r"(?!\$\{|#|\{|\[|null\b)(?P<value>\"[^\"\n]*\"|'[^'\n]*'|[^,}#\n]*[^,}#\s])"
)


def shared_text(text: str) -> str:
    """Return the text with ``***`` in the place of each password; variables stay as they are written."""
    hidden = _URL_PASSWORD.sub(rf"\1:{HIDDEN}@", text)
    return _SECRET_KEY.sub(rf'\g<key>"{HIDDEN}"', hidden)


def hides_something(text: str) -> bool:
    """Return whether a secret was taken out of the text."""
    return f":{HIDDEN}@" in text or f'"{HIDDEN}"' in text
