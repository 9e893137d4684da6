"""Why a file or a folder was passed over, in a few words for a person."""

import errno
from typing import Final

from storekeeper.errors import UnsafePath

VANISHED: Final = "vanished"
LINK: Final = "a link"
NOT_REGULAR: Final = "not a regular file"
ANOTHER_FILESYSTEM: Final = "on another filesystem"
NOT_READABLE: Final = "not readable"

ONE_FILES_FAULT: Final = frozenset(
    {errno.EACCES, errno.EPERM, errno.EBUSY, errno.EIO, errno.ENAMETOOLONG, errno.ETXTBSY}
)
"""Why the system may refuse to move or remove one file while others still go: rights, a mark, a mount."""


def reason_of(error: OSError | UnsafePath) -> str:
    """Say why a file or folder was not read."""
    if isinstance(error, FileNotFoundError):
        return VANISHED
    if isinstance(error, UnsafePath):
        return error.message
    return f"{NOT_READABLE}: {error.strerror or error}"
