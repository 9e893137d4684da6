"""Filesystems that tests need: one on which a file's front can be cut off, and small ones that fill up."""

import ctypes
import errno
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

_COLLAPSE_RANGE = 0x08
_NEW_NAMESPACE = 0x00020000
_NEW_USER = 0x10000000
_RECURSIVE, _PRIVATE = 0x4000, 0x40000

_LIBRARY = ctypes.CDLL(None, use_errno=True)


@contextmanager
def disk_folder(preferred: Path) -> Iterator[Path]:
    """
    Yield a folder on a filesystem that can collapse ranges: ``preferred``, or a new one that goes afterwards.

    Temporary files often lie in memory, which cannot. Then STOREKEEPER_TEST_DISK names a folder, else
    /var/tmp is one.
    """
    if collapses(preferred):
        yield preferred
        return
    for base in filter(None, (os.environ.get("STOREKEEPER_TEST_DISK"), "/var/tmp")):
        if collapses(Path(base)):
            with tempfile.TemporaryDirectory(dir=base, prefix="storekeeper-test-") as folder:
                yield Path(folder)
            return
    raise RuntimeError(f"{preferred} is not on ext4 or XFS: name a folder that is in STOREKEEPER_TEST_DISK")


def collapses(folder: Path) -> bool:
    """Return whether the front of a file in the folder can be cut off."""
    with tempfile.TemporaryFile(dir=folder) as file:
        block = os.fstatvfs(file.fileno()).f_frsize
        file.write(bytes(2 * block))
        file.flush()
        _LIBRARY.fallocate64.argtypes = [ctypes.c_int, ctypes.c_int, ctypes.c_int64, ctypes.c_int64]
        return int(_LIBRARY.fallocate64(file.fileno(), _COLLAPSE_RANGE, 0, block)) == 0


def mount_small_disk(folder: Path, *, size_bytes: int) -> None:
    """
    Make ``folder`` a filesystem of that size, for this process and its children alone: call it in a fork.

    Root keeps its own name, for a server that runs as another user must still take it for root. Anyone else
    becomes root of a namespace, which needs no rights.
    """
    user, group = os.getuid(), os.getgid()
    if user == 0:
        _call(_LIBRARY.unshare(_NEW_NAMESPACE))
        _make_mounts_private()
    else:
        _call(_LIBRARY.unshare(_NEW_USER | _NEW_NAMESPACE))
        Path("/proc/self/setgroups").write_text("deny")
        Path("/proc/self/uid_map").write_text(f"0 {user} 1")
        Path("/proc/self/gid_map").write_text(f"0 {group} 1")
    _call(_LIBRARY.mount(b"none", os.fsencode(folder), b"tmpfs", 0, f"size={size_bytes}".encode()))


def _make_mounts_private() -> None:
    """Let no mount of this process be seen by others."""
    if _LIBRARY.mount(None, b"/", None, _RECURSIVE | _PRIVATE, None) == 0:
        return
    if ctypes.get_errno() != errno.EINVAL:
        _call(-1)
    # In a chroot the root is no mount of its own: one by one, as far as they can be seen.
    for line in Path("/proc/self/mountinfo").read_bytes().splitlines():
        mountpoint = line.split(b" ")[4].decode("unicode_escape").encode("latin-1")
        _LIBRARY.mount(None, mountpoint, None, _PRIVATE, None)


def _call(result: int) -> None:
    if result != 0:
        code = ctypes.get_errno()
        raise OSError(code, os.strerror(code))
