"""Read a media backup back: each file in it has the name, the size and the sum that it was written with."""

import hashlib
import io
import itertools
import tarfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from actions.backups.damage import NotProved, require_whole
from actions.backups.packing import file_sums, unpacked
from actions.backups.sum_lines import readable, sum_line
from actions.backups.tar_stream import CHUNK_BYTES, ENCODING, ERRORS
from storekeeper.backups import Manifest
from storekeeper.errors import BackupRefused

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer


def check_media_backup(
    path: Path,
    manifest: Manifest,
    *,
    sums: Path,
    report: Callable[[int], None] = lambda done: None,
) -> None:
    """
    Unpack the archive from end to end and compare it with the manifest and the list of sums.

    ``report`` hears how many files were read.

    Raises BackupRefused for anything that is not as it was written. Memory does not grow with the archive.
    """
    pieces = _Pieces(unpacked(path, compressed=True))
    done = 0
    try:
        for line, expected in itertools.zip_longest(_lines_of(pieces), _lines(sums)):
            if line != expected:
                told = (line or expected or b"").decode("utf-8", "backslashreplace").strip()
                raise BackupRefused(f"{path.name} does not hold what was written: {told}")
            done += 1
            report(done)
    except tarfile.TarError as error:
        raise BackupRefused(f"{path.name} is damaged: {error}") from None
    pieces.drain()
    written = (manifest.content_sha256, manifest.content_bytes, manifest.files, manifest.folders)
    if (pieces.sha256, pieces.size_bytes, done, pieces.folders) != written:
        raise BackupRefused(
            f"{path.name} does not hold what was written: {done} files in {pieces.folders} folders and"
            f" {pieces.size_bytes} bytes, not {manifest.files} in {manifest.folders} and"
            f" {manifest.content_bytes}"
        )
    # A bit that unpacking does not look at is damage all the same.
    if file_sums(path) != (manifest.sha256, manifest.size_bytes):
        raise BackupRefused(f"{path.name} does not lie on the disk as it was written")


def try_media(path: Path, manifest: Manifest) -> str:
    """Prove a backup by reading it; gives how. Raises NotProved, also for one that lacks files."""
    require_whole(path, manifest)
    try:
        check_media_backup(path, manifest, sums=path.with_name(manifest.sums_file))
    except BackupRefused as error:
        raise NotProved(f"{path.name}: {error.message}") from None
    except OSError as error:
        raise NotProved(f"{path.name} or its sums cannot be read: {error.strerror or error}") from None
    if manifest.lacks:
        raise NotProved(f"{path.name} is as it was written, but {manifest.lacks}")
    return "read back: every file in it has its sum"


def _lines_of(pieces: "_Pieces") -> Iterator[bytes]:
    """Give the line of sums of each file in the archive."""
    with tarfile.open(
        fileobj=pieces, mode="r|", bufsize=CHUNK_BYTES, encoding=ENCODING, errors=ERRORS
    ) as archive:
        while (member := archive.next()) is not None:
            if member.isdir():
                pieces.folders += 1
                archive.members.clear()  # type: ignore[attr-defined] # see below
                continue
            content = archive.extractfile(member)
            if not member.isreg() or content is None:
                raise BackupRefused(f"the archive holds {readable(member.name)!r}: neither file nor folder")
            size = 0
            sums = hashlib.sha256()
            while data := content.read(CHUNK_BYTES):
                sums.update(data)
                size += len(data)
            if size != member.size:
                raise BackupRefused(f"the archive ends within {readable(member.name)!r}")
            yield sum_line(member.name, sums.hexdigest())
            # tarfile remembers every member; a million of them would fill the memory.
            archive.members.clear()  # type: ignore[attr-defined] # typeshed does not show it


def _lines(sums: Path) -> Iterator[bytes]:
    rest = b""
    for piece in unpacked(sums, compressed=True):
        *lines, rest = (rest + piece).split(b"\n")
        for line in lines:
            yield line + b"\n"
    if rest:
        yield rest


class _Pieces(io.RawIOBase):
    """What tarfile reads from, made of an iterator; sums up everything that passes, and counts folders."""

    def __init__(self, pieces: Iterator[bytes]) -> None:
        self._pieces = pieces
        self._waiting = memoryview(b"")
        self._sums = hashlib.sha256()
        self.size_bytes = 0
        self.folders = 0

    @property
    def sha256(self) -> str:
        return self._sums.hexdigest()

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: "WriteableBuffer", /) -> int:
        if not self._waiting and not self._more():
            return 0
        into = memoryview(buffer).cast("B")
        count = min(len(into), len(self._waiting))
        into[:count] = self._waiting[:count]
        self._waiting = self._waiting[count:]
        return count

    def drain(self) -> None:
        while self._more():
            pass

    def _more(self) -> bool:
        piece = next(self._pieces, None)
        if piece is None:
            return False
        self._sums.update(piece)
        self.size_bytes += len(piece)
        self._waiting = memoryview(piece)
        return True
