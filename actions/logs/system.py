"""
What Linux can do for logs that others are writing; elsewhere each of these says that it cannot.

*Collapse* takes whole blocks from the front of a file in one step, while others append to its end: the
kernel holds the same lock for both, so an appended line is never lost (ext4, XFS). A *lease* proves that no
other process has the file open, and keeps anyone who opens it meanwhile waiting until it is given back. An
*exchange* swaps two names in one step, so that neither is missing at any moment.
"""

import ctypes
import enum
import errno
import os
import signal
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import IO, Any, Final

from actions.logs.folder import LogFolder
from actions.logs.holders import find_holders

_COLLAPSE_RANGE: Final = 0x08
_NO_REPLACE: Final = 1
_EXCHANGE: Final = 2
_PROBE: Final = ".storekeeper-probe"
# Some filesystems hand out space in larger units than their blocks.
_LARGER_UNITS: Final = (64 << 10, 1 << 20)

# Somebody who merely reads the log, such as the exporter, closes it within moments.
_LEASE_ATTEMPTS: Final = 5
_LEASE_PAUSE_SECONDS: Final = 0.02

_LIBRARY: Final[Any] = ctypes.CDLL(None, use_errno=True) if sys.platform == "linux" else None


def collapse(file: IO[bytes], *, length: int) -> None:
    """Cut the first ``length`` bytes off, a multiple of the unit and less than the file; raises OSError."""
    function = getattr(_LIBRARY, "fallocate64", None) or getattr(_LIBRARY, "fallocate", None)
    if function is None:
        raise OSError(errno.ENOTSUP, os.strerror(errno.ENOTSUP))
    function.argtypes = [ctypes.c_int, ctypes.c_int, ctypes.c_int64, ctypes.c_int64]
    while function(file.fileno(), _COLLAPSE_RANGE, 0, length):
        code = ctypes.get_errno()
        if code != errno.EINTR:
            raise OSError(code, os.strerror(code))


def collapse_unit(folder: LogFolder) -> int | None:
    """
    Give the bytes that a cut in this folder must be a multiple of, None where it cannot collapse.

    Found by trying on a scratch file of our own, never on a log. Raises OSError on a full disk.
    """
    if _LIBRARY is None:
        return None
    folder.remove(_PROBE)
    try:
        with folder.create(_PROBE) as probe:
            block = os.fstatvfs(probe.fileno()).f_frsize
            for unit in (block, *_LARGER_UNITS):
                probe.truncate(0)
                probe.seek(0)
                probe.write(b"a" * unit + b"b" * 10)
                probe.flush()
                try:
                    collapse(probe, length=unit)
                except OSError as error:
                    # The unit may be too small; any other answer is a plain no.
                    if error.errno == errno.EINVAL:
                        continue
                    return None
                probe.seek(0)
                if probe.read() == b"b" * 10:
                    return unit
    except PermissionError:
        return None
    finally:
        folder.remove(_PROBE)
    return None


class Holding(enum.Enum):
    """Whether another process has a file open."""

    FREE = enum.auto()
    HELD = enum.auto()
    UNKNOWN = enum.auto()


@contextmanager
def held_alone(file: IO[bytes]) -> Iterator[bool]:
    """
    Give True while no other process has the file open, or can finish opening it.

    Do only what takes moments meanwhile: after ``/proc/sys/fs/lease-break-time`` (45 seconds) the kernel
    lets the others in all the same. False when somebody has it open, or where nobody can tell.
    """
    if not _take_lease(file):
        yield False
        return
    try:
        yield True
    finally:
        _give_lease_back(file)


def is_held(file: IO[bytes]) -> bool:
    """Return whether some other process has the file open; True where nobody can tell."""
    with held_alone(file) as alone:
        return not alone


def holding(file: IO[bytes]) -> Holding:
    """
    Return whether another process has the file open.

    Where the kernel gives no lease (another user's file, some filesystems), the processes themselves are
    looked at; FREE is then said only where all of this machine's can be seen.
    """
    with held_alone(file) as alone:
        if alone:
            return Holding.FREE
    if _lease_is_refused(file):
        return Holding.HELD
    found, complete = find_holders(file)
    if found:
        return Holding.HELD
    return Holding.FREE if complete else Holding.UNKNOWN


def rename_new(folder: LogFolder, name: str, *, to: str) -> bool:
    """Rename an entry of the folder; False, and nothing is done, where the new name is taken."""
    function = getattr(_LIBRARY, "renameat2", None)
    if function is not None and folder.descriptor is not None:
        names = os.fsencode(name), os.fsencode(to)
        if not function(folder.descriptor, names[0], folder.descriptor, names[1], _NO_REPLACE):
            return True
        code = ctypes.get_errno()
        if code == errno.EEXIST:
            return False
        if code not in (errno.ENOSYS, errno.EINVAL, errno.ENOTSUP):
            raise OSError(code, os.strerror(code), name)
    if folder.status(to) is not None:
        return False
    folder.replace(to, by=name)
    return True


def exchange(folder: LogFolder, name: str, *, other: str) -> bool:
    """Swap two names of the folder in one step; False, and nothing is done, where the system cannot."""
    function = getattr(_LIBRARY, "renameat2", None)
    if function is None or folder.descriptor is None:
        return False
    names = [os.fsencode(name), os.fsencode(other)]
    if function(folder.descriptor, names[0], folder.descriptor, names[1], _EXCHANGE):
        code = ctypes.get_errno()
        if code in (errno.ENOSYS, errno.EINVAL, errno.ENOTSUP):
            return False
        raise OSError(code, os.strerror(code), name)
    return True


if sys.platform == "linux":
    import fcntl

    def _take_lease(file: IO[bytes]) -> bool:
        # Without this, the signal that tells of a waiting opener would end our process.
        fcntl.fcntl(file, fcntl.F_SETSIG, signal.SIGURG)
        for attempt in range(_LEASE_ATTEMPTS):
            if attempt:
                time.sleep(_LEASE_PAUSE_SECONDS)
            try:
                fcntl.fcntl(file, fcntl.F_SETLEASE, fcntl.F_WRLCK)
            except OSError as error:
                if error.errno != errno.EAGAIN:
                    return False
            else:
                return True
        return False

    def _lease_is_refused(file: IO[bytes]) -> bool:
        try:
            fcntl.fcntl(file, fcntl.F_SETLEASE, fcntl.F_WRLCK)
        except OSError as error:
            return error.errno == errno.EAGAIN
        _give_lease_back(file)
        return False

    def _give_lease_back(file: IO[bytes]) -> None:
        fcntl.fcntl(file, fcntl.F_SETLEASE, fcntl.F_UNLCK)

else:

    def _take_lease(file: IO[bytes]) -> bool:
        return False

    def _lease_is_refused(file: IO[bytes]) -> bool:
        return False

    def _give_lease_back(file: IO[bytes]) -> None:
        raise AssertionError("there is no lease to give back")
