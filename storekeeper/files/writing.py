"""Write a new file into an open folder: never over another, durable when it is there, none on failure."""

import os
from collections.abc import Iterator
from contextlib import suppress
from typing import IO, Final

from storekeeper.files.found import FoundFile, found_file
from storekeeper.files.place import Place

_NEW_FLAGS: Final = (
    os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_BINARY", 0)
)
_BLOCK_BYTES: Final = 1 << 20


def write_new(
    folder: Place, last: str, *, name: str, content: bytes | IO[bytes], like: os.stat_result
) -> FoundFile:
    """
    Write ``content`` under the free name ``last``, with the owner, group and mode that ``like`` has.

    A file as content is read from where it stands. Raises FileExistsError where the name is taken,
    PermissionError where others who may read ``like`` could not read the new file, and any other OSError,
    such as a full disk; after each no new file is there.
    """
    descriptor = os.open(folder.path(last), _NEW_FLAGS, 0o600, dir_fd=folder.descriptor)
    try:
        try:
            _give_away(descriptor, like)
            for block in _blocks(content):
                rest = memoryview(block)
                while rest:
                    rest = rest[os.write(descriptor, rest) :]
            os.fsync(descriptor)
            found = found_file(name, os.fstat(descriptor))
        finally:
            os.close(descriptor)
        if folder.descriptor is not None:
            os.fsync(folder.descriptor)
    except BaseException:
        with suppress(FileNotFoundError):
            os.unlink(folder.path(last), dir_fd=folder.descriptor)
        raise
    assert found is not None, "what was opened with O_CREAT is a regular file"
    return found


def _blocks(content: bytes | IO[bytes]) -> Iterator[bytes]:
    if isinstance(content, bytes):
        yield content
        return
    while block := content.read(_BLOCK_BYTES):
        yield block


def _give_away(descriptor: int, like: os.stat_result) -> None:
    if not hasattr(os, "fchown"):
        return
    mine = os.fstat(descriptor)
    if (mine.st_uid, mine.st_gid) != (like.st_uid, like.st_gid):
        try:
            os.fchown(descriptor, like.st_uid, like.st_gid)
        except PermissionError:
            # Everybody may read it: then it does not matter whose it is.
            if not like.st_mode & 0o004:
                raise
    os.fchmod(descriptor, like.st_mode & 0o777)
