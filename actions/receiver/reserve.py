"""
A reserve on the disk of the state folder, given up when that disk is full.

Where there is only one disk, a full one stops everything: no alert can be stored, no journal of a removal
written, and SQLite cannot delete a row. So a file of zeros holds a few megabytes while there is plenty, and
goes when the disk is full to the last bytes: that is the room in which the cleanups begin.
"""

import errno
import logging
import os
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Final

from storekeeper.files import free_bytes

logger = logging.getLogger(__name__)

FILE_NAME: Final = "reserve"
RESERVE_BYTES: Final = 8 * 1024 * 1024
# The reserve goes when less than this share of it is free, and comes when many times its size is.
_SPENT_SHARE: Final = 0.25
_PLENTY: Final = 8
_PIECE: Final = bytes(1024 * 1024)


class Reserve:
    """The reserve in ``folder``; ``free`` gives the bytes that may be written there."""

    def __init__(
        self,
        folder: Path,
        *,
        size_bytes: int = RESERVE_BYTES,
        free: Callable[[Path], int] = free_bytes,
    ) -> None:
        self.path = folder / FILE_NAME
        self._size_bytes = size_bytes
        self._free = free

    def tend(self) -> None:
        """Give the reserve up on a full disk, and take it anew when there is plenty of room."""
        free = self._free(self.path.parent)
        if free < self._size_bytes * _SPENT_SHARE:
            with suppress(FileNotFoundError):
                self.path.unlink()
                logger.warning("the disk of %s is full: its reserve is given up", self.path.parent)
        elif free > self._size_bytes * _PLENTY and not self.path.exists():
            self._take()

    def _take(self) -> None:
        descriptor = os.open(self.path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        try:
            # Written, not only made long: a hole reserves nothing.
            for start in range(0, self._size_bytes, len(_PIECE)):
                os.write(descriptor, _PIECE[: self._size_bytes - start])
            os.fsync(descriptor)
        except OSError as error:
            self.path.unlink(missing_ok=True)
            if error.errno not in (errno.ENOSPC, errno.EDQUOT):
                raise
        finally:
            os.close(descriptor)
