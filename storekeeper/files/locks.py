"""One worker per resource at a time, across every process of this machine."""

import errno
import json
import os
import sys
import time
from contextlib import AbstractContextManager, suppress
from pathlib import Path
from types import TracebackType
from typing import IO, Any, Self

from storekeeper.errors import AlreadyRunning, ConfigurationError, NotEnoughSpace, StorekeeperError
from storekeeper.files.private import make_private_folder


class ResourceLock(AbstractContextManager["ResourceLock"]):
    """
    An advisory lock on a file in the state folder; the file tells who holds it.

    The system gives it back when the holder ends, however it ends. Entering raises AlreadyRunning, which
    names the holder; where the file cannot be made NotEnoughSpace on a full disk, else ConfigurationError.
    """

    def __init__(self, folder: Path, *, resource: str, purpose: str) -> None:
        self._path = folder / f"{resource}.lock"
        self._resource = resource
        self._purpose = purpose
        self._file: IO[str] | None = None

    def __enter__(self) -> Self:
        try:
            make_private_folder(self._path.parent)
            # Never removed: a lock on a file that has lost its name would exclude nobody.
            file = self._path.open("a+", encoding="utf-8")
        except OSError as error:
            raise _unusable(self._path, error) from None
        try:
            _lock(file)
        except OSError:
            holder = _holder(self._path)
            file.close()
            raise AlreadyRunning(
                f"{self._resource} is being worked on by {holder.get('purpose', 'another run')}"
                f" (process {holder.get('process', 'unknown')}, since {holder.get('since', 'unknown')})",
                hint="Wait until it has ended; storekeeper runs shows it",
            ) from None
        self._file = file
        since = time.strftime("%Y-%m-%d %H:%M:%S")
        text = json.dumps({"purpose": self._purpose, "process": os.getpid(), "since": since})
        # Past the buffer, which would try again when it is closed: the lock holds on a full disk, too, only
        # nobody can be told who has it.
        with suppress(OSError):
            os.ftruncate(file.fileno(), 0)
            os.write(file.fileno(), text.encode())
        return self

    def __exit__(
        self,
        error_type: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if self._file is not None:
            self._file.close()
            self._file = None


def _unusable(path: Path, error: OSError) -> StorekeeperError:
    """Give what to say of a state folder in which no lock can be made."""
    message = f"{path} in the state folder cannot be written: {error.strerror}"
    if error.errno in (errno.ENOSPC, getattr(errno, "EDQUOT", errno.ENOSPC)):
        return NotEnoughSpace(message, hint="Make room on its disk: without a lock two runs could meet")
    return ConfigurationError(
        message, hint="Let this user write there, or give state: another folder in storekeeper.yml"
    )


def _holder(path: Path) -> dict[str, Any]:
    try:
        holder = json.loads(path.read_text("utf-8"))
    except (OSError, ValueError):
        return {}
    return holder if isinstance(holder, dict) else {}


if sys.platform == "win32":
    import msvcrt

    # A byte far behind the text, so that others can still read who holds the lock.
    _LOCKED_BYTE = 1 << 30

    def _lock(file: IO[str]) -> None:
        file.seek(_LOCKED_BYTE)
        msvcrt.locking(file.fileno(), msvcrt.LK_NBLCK, 1)
else:
    import fcntl

    def _lock(file: IO[str]) -> None:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
