"""
Pack the beginning of a log into its archive, and prove it, before anything is cut from the log.

An archive is a gzip file. What comes to it later is a further gzip member at its end, so unpacking gives all
of it in order; each member bears storekeeper's mark. A new state is written beside it as
``.storekeeper-NAME.partial``: the old members, then the new one.
"""

import errno
import gzip
import hashlib
import os
import shutil
import stat
import sys
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import IO, Final, cast

from actions.logs.folder import LogFolder
from actions.logs.member import Mark, MemberWriter, read_marks
from storekeeper.errors import BackupRefused, NotEnoughSpace
from storekeeper.files.atomic import PARTIAL_SUFFIX
from storekeeper.files.tree import OWN_PREFIX
from storekeeper.units import format_size

CHUNK_BYTES: Final = 1 << 20
# What stays free beside an archive: for its journal, and for the shop that goes on writing.
RESERVE_BYTES: Final = 256 << 10
FULL: Final = (errno.ENOSPC, errno.EDQUOT)


@dataclass(frozen=True, kw_only=True)
class Packed:
    """What a partial archive holds: the SHA-256 of the log's first bytes, its own size and the one before."""

    digest: str
    size_bytes: int
    old_bytes: int


def partial_name(archive: str) -> str:
    """Return the name that an archive has until it counts."""
    return f"{OWN_PREFIX}{archive}{PARTIAL_SUFFIX}"


def is_partial_name(name: str) -> bool:
    """Return whether a file of that name is an archive of ours that does not count yet."""
    return name.startswith(OWN_PREFIX) and name.endswith(PARTIAL_SUFFIX)


def marks_of_ours(stream: IO[bytes], *, size_bytes: int, shop: str, archive: str) -> tuple[Mark, ...] | None:
    """Return the marks of an open archive; None unless storekeeper made all of it, for this name and shop."""
    marks = read_marks(stream, size_bytes=size_bytes)
    if marks is None or any((mark.shop, mark.archive) != (shop, archive) for mark in marks):
        return None
    return marks


def room_bytes(folder: LogFolder, archive: str) -> int:
    """Give the bytes of a log that surely fit into a new state of its archive, packed or not."""
    old = folder.status(archive)
    free = shutil.disk_usage(folder.path).free - (old.st_size if old else 0) - RESERVE_BYTES
    # gzip adds a little to what cannot be packed.
    return max(0, free - free // 512)


def no_room(folder: LogFolder, *, log: str, needed_bytes: int) -> NotEnoughSpace:
    """Give the error for a disk without room for a log's archive."""
    free = shutil.disk_usage(folder.path).free
    return NotEnoughSpace(
        f"{folder.path / log}: its archive may need {format_size(needed_bytes + RESERVE_BYTES)},"
        f" and {format_size(free)} are free",
        hint="The log is as it was. Make room first: storekeeper find_large_files shows what takes it",
    )


def pack(
    folder: LogFolder,
    *,
    log: IO[bytes],
    length: int,
    archive: str,
    mark: Mark,
    report: Callable[[int], None] = lambda _: None,
) -> Packed:
    """
    Write the partial archive that holds the old archive and the first ``length`` bytes of ``log``.

    It is on the disk, and was unpacked and compared, when this returns; else it is gone. It has the mode
    and the owner of the log. ``report`` hears of each chunk. Raises NotEnoughSpace; BackupRefused where the
    old archive is damaged or the log is shorter than it was.
    """
    name = partial_name(archive)
    folder.remove(name)
    try:
        with folder.create(name) as stream:
            keep_access(stream, like=os.fstat(log.fileno()))
            old_bytes, old_digest = _copy_old(folder, archive, stream)
            packer = MemberWriter(stream, mark=mark)
            for data in first_bytes(log, length=length):
                packer.write(data)
                report(len(data))
            packer.close()
            if packer.content_bytes != length:
                raise BackupRefused(
                    "the log became shorter while it was read; does something else rotate it?"
                )
            stream.flush()
            os.fsync(stream.fileno())
            size = stream.seek(0, os.SEEK_END)
            _verify(stream, old=(old_bytes, old_digest), new=(length, packer.content_sha256), name=archive)
        folder.sync()
    except BaseException as error:
        folder.remove(name)
        if isinstance(error, OSError) and error.errno in FULL:
            raise no_room(folder, log=archive, needed_bytes=length) from None
        raise
    return Packed(digest=packer.content_sha256, size_bytes=size, old_bytes=old_bytes)


def first_bytes(file: IO[bytes], *, length: int) -> Iterator[bytes]:
    """Give the first ``length`` bytes in chunks; fewer where the file is shorter."""
    file.seek(0)
    while length and (data := file.read(min(CHUNK_BYTES, length))):
        length -= len(data)
        yield data


def digest_of(file: IO[bytes], *, length: int) -> str:
    """Give the SHA-256 of the first ``length`` bytes."""
    sums = hashlib.sha256()
    for data in first_bytes(file, length=length):
        sums.update(data)
    return sums.hexdigest()


def keep_access(file: IO[bytes], *, like: os.stat_result) -> None:
    """Give a file of ours the mode and the owner of a log; nobody may read it who could not read the log."""
    if sys.platform == "win32":
        return
    mine = os.fstat(file.fileno())
    mode = stat.S_IMODE(like.st_mode) & 0o666
    if (mine.st_uid, mine.st_gid) != (like.st_uid, like.st_gid):
        with suppress(PermissionError):
            os.fchown(file.fileno(), like.st_uid, like.st_gid)
        if os.fstat(file.fileno()).st_gid != like.st_gid:
            mode &= 0o600
    os.fchmod(file.fileno(), mode)


def _copy_old(folder: LogFolder, archive: str, stream: IO[bytes]) -> tuple[int, str]:
    sums = hashlib.sha256()
    if folder.status(archive) is None:
        return 0, sums.hexdigest()
    size = 0
    with folder.open(archive) as old:
        while data := old.read(CHUNK_BYTES):
            sums.update(data)
            stream.write(data)
            size += len(data)
    return size, sums.hexdigest()


def _verify(stream: IO[bytes], *, old: tuple[int, str], new: tuple[int, str], name: str) -> None:
    """Read the partial file back: the old bytes are the same and unpack, the new ones give the log."""
    old_bytes, old_digest = old
    if digest_of(stream, length=old_bytes) != old_digest:
        raise BackupRefused(f"{name}: the copy of the old archive is not the same as the old one")
    with _damage_told(name):
        sums = hashlib.sha256()
        size = 0
        stream.seek(0)
        # Behind a member that ends too early, the new one could not be reached.
        with gzip.GzipFile(
            fileobj=cast("IO[bytes]", _Bounded(stream, length=old_bytes)), mode="rb"
        ) as members:
            while members.read(CHUNK_BYTES):
                pass
        stream.seek(old_bytes)
        with gzip.GzipFile(fileobj=stream, mode="rb") as member:
            while data := member.read(CHUNK_BYTES):
                sums.update(data)
                size += len(data)
    if (size, sums.hexdigest()) != new:
        raise BackupRefused(f"{name} does not hold what the log holds; nothing was cut")


@contextmanager
def _damage_told(name: str) -> Iterator[None]:
    try:
        yield
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise BackupRefused(
            f"{name} is damaged: {error}", hint="Move it away; the next run begins a new archive of that name"
        ) from None


class _Bounded:
    """The first bytes of a stream, as gzip wants to read them."""

    def __init__(self, stream: IO[bytes], *, length: int) -> None:
        self._stream = stream
        self._left = length

    def read(self, size: int = -1) -> bytes:
        data = self._stream.read(min(size, self._left) if size >= 0 else self._left)
        self._left -= len(data)
        return data
