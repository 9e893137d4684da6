"""Write a backup's bytes to a file, packed as gzip where asked, and read them back."""

import hashlib
import threading
import zlib
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import IO, Any, Final

from storekeeper.errors import BackupRefused

fastest: Any = zlib
with suppress(ImportError):
    # Several times faster than zlib; the result is the same format.
    from isal import isal_zlib

    fastest = isal_zlib
_Damaged: Final[type[Exception]] = fastest.error

_GZIP_WINDOW = 31
# isal's levels go to 3, where zlib's 6 would be as small and slower.
_LEVEL = 6 if fastest is zlib else 2
_CHUNK_BYTES = 1 << 20
_READ_BYTES = 1 << 18
_PAUSE_SECONDS = 0.02


class PackedWriter:
    """
    Write to a stream, packed or not; tells the sums of what came in and of what was written.

    Each gzip stream ends with ``close``, which leaves the underlying stream open. With ``proved`` what was
    packed is unpacked again at once, while it is at hand: then a file whose bytes have the sum ``sha256``
    unpacks to content with the sum ``content_sha256``, and need not be unpacked once more to know it.
    """

    def __init__(self, stream: IO[bytes], *, compress: bool, proved: bool = False) -> None:
        self._stream = stream
        self._packer: Any = fastest.compressobj(_LEVEL, zlib.DEFLATED, _GZIP_WINDOW) if compress else None
        self._proof = Unpacker("what was just packed") if compress and proved else None
        self._proved_bytes = 0
        self._content = hashlib.sha256()
        # What is not packed is written as it came in: one sum is of both.
        self._file = hashlib.sha256() if compress else self._content
        self.content_bytes = 0
        self.size_bytes = 0

    def write(self, data: bytes) -> None:
        """Take the next bytes of the content."""
        self._content.update(data)
        self.content_bytes += len(data)
        self._put(data if self._packer is None else self._packer.compress(data))

    def close(self) -> None:
        """Write what is still held back; raises BackupRefused when what was packed does not unpack again."""
        if self._packer is None:
            return
        self._put(self._packer.flush())
        self._packer = None
        if self._proof is not None:
            self._proof.close()
            if self._proved_bytes != self.content_bytes:
                raise BackupRefused("what was packed unpacks to something else")

    @property
    def content_sha256(self) -> str:
        """Give the SHA-256 of what came in."""
        return self._content.hexdigest()

    @property
    def sha256(self) -> str:
        """Give the SHA-256 of the file."""
        return self._file.hexdigest()

    def _put(self, data: bytes) -> None:
        if data:
            if self._file is not self._content:
                self._file.update(data)
            self.size_bytes += len(data)
            self._stream.write(data)
            if self._proof is not None:
                # The end of a gzip stream has the sum of what came in; the unpacker compares.
                self._proved_bytes += sum(map(len, self._proof.feed(data)))


class Unpacker:
    """Unpack a gzip stream that comes in pieces; ``name`` stands in what it raises."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._unpacker: Any = fastest.decompressobj(_GZIP_WINDOW)

    def feed(self, data: bytes) -> Iterator[bytes]:
        """Give what the next piece unpacks to, in pieces of bounded size; raises BackupRefused."""
        content = b""
        while not self._unpacker.eof and (data or len(content) == _CHUNK_BYTES):
            try:
                # Zeros pack a thousand times: unpacked at once they would not fit into memory.
                content = self._unpacker.decompress(data, _CHUNK_BYTES)
            except _Damaged as error:
                raise BackupRefused(f"{self._name} is damaged: {error}") from None
            data = self._unpacker.unconsumed_tail
            if content:
                yield content

    def close(self) -> None:
        """Raise BackupRefused unless the stream has come to its end."""
        if not self._unpacker.eof:
            raise BackupRefused(f"{self._name} is damaged: it ends too early")


def unpacked(path: Path, *, compressed: bool) -> Iterator[bytes]:
    """
    Give the content of a backup in pieces.

    Raises BackupRefused for a gzip file that is damaged or ends too early.
    """
    unpacker = Unpacker(path.name) if compressed else None
    with path.open("rb") as stream:
        while data := stream.read(_CHUNK_BYTES):
            if unpacker is None:
                yield data
            else:
                yield from unpacker.feed(data)
    if unpacker is not None:
        unpacker.close()


class ReadBack:
    """
    Read a file back from its beginning while it is being written, on a thread of its own, and sum it up.

    So when the last byte is written little is left to be read.
    """

    def __init__(self, path: Path) -> None:
        self._sum = hashlib.sha256()
        self._size_bytes = 0
        self._error: OSError | None = None
        self._whole = threading.Event()
        self._thread = threading.Thread(target=self._follow, args=(path,), name="read-back", daemon=True)
        self._thread.start()

    def sums(self) -> tuple[str, int]:
        """Give the SHA-256 and the size of the file, all of which is written by now; raises OSError."""
        self.close()
        if self._error is not None:
            raise self._error
        return self._sum.hexdigest(), self._size_bytes

    def close(self) -> None:
        """End the thread."""
        self._whole.set()
        self._thread.join()

    def _follow(self, path: Path) -> None:
        buffer = memoryview(bytearray(_READ_BYTES))
        try:
            with path.open("rb", buffering=0) as stream:
                while True:
                    # Asked before the file is: what was written by then is found by this reading.
                    whole = self._whole.is_set()
                    count = stream.readinto(buffer)
                    self._sum.update(buffer[:count])
                    self._size_bytes += count
                    if not count and whole:
                        return
                    if not count:
                        self._whole.wait(_PAUSE_SECONDS)
        except OSError as error:
            self._error = error


def file_sums(path: Path) -> tuple[str, int]:
    """Give the SHA-256 and the size of a file as it lies on the disk."""
    with path.open("rb") as stream:
        sums = hashlib.file_digest(stream, "sha256")
        return sums.hexdigest(), stream.tell()


def check_content(path: Path, *, compressed: bool, sha256: str, size_bytes: int) -> None:
    """Read the file from end to end; raises BackupRefused unless its content is the one with that sum."""
    sums = hashlib.sha256()
    count = 0
    for data in unpacked(path, compressed=compressed):
        sums.update(data)
        count += len(data)
    if (sums.hexdigest(), count) != (sha256, size_bytes):
        raise BackupRefused(
            f"{path.name} does not hold what was written: {count} bytes with the sum"
            f" {sums.hexdigest()[:12]}…, not {size_bytes} with {sha256[:12]}…"
        )
