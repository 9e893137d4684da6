"""Read an archive of media as a stream: each folder and file in it, and the sums of all that passes."""

import hashlib
import io
import tarfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import IO, TYPE_CHECKING

from actions.backups.sum_lines import readable
from actions.backups.tar_stream import CHUNK_BYTES, ENCODING, ERRORS
from storekeeper.errors import BackupRefused

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer


@dataclass(frozen=True, kw_only=True)
class Member:
    """A folder or a file in an archive; ``content`` of a file is read before the next member is asked for."""

    info: tarfile.TarInfo
    content: IO[bytes] | None

    @property
    def name(self) -> str:
        """Return its name, undecodable bytes as surrogates."""
        return self.info.name

    def copy(self, write: Callable[[bytes], object] = lambda data: None) -> str:
        """Pass a file's bytes to ``write``; return their SHA-256. Raises BackupRefused where some lack."""
        assert self.content is not None
        size = 0
        sums = hashlib.sha256()
        while data := self.content.read(CHUNK_BYTES):
            sums.update(data)
            size += len(data)
            write(data)
        if size != self.info.size:
            raise BackupRefused(f"the archive ends within {readable(self.name)!r}")
        return sums.hexdigest()


def members(pieces: "Pieces") -> Iterator[Member]:
    """Yield every member; raises BackupRefused for one that is neither file nor folder, TarError."""
    with tarfile.open(
        fileobj=pieces, mode="r|", bufsize=CHUNK_BYTES, encoding=ENCODING, errors=ERRORS
    ) as archive:
        while (member := archive.next()) is not None:
            content = None
            if not member.isdir():
                content = archive.extractfile(member) if member.isreg() else None
                if content is None:
                    raise BackupRefused(
                        f"the archive holds {readable(member.name)!r}: neither file nor folder"
                    )
            yield Member(info=member, content=content)
            # tarfile remembers every member; a million of them would fill the memory.
            archive.members.clear()  # type: ignore[attr-defined] # typeshed does not show it


class Pieces(io.RawIOBase):
    """What tarfile reads from, made of an iterator; sums up everything that passes."""

    def __init__(self, pieces: Iterator[bytes]) -> None:
        self._pieces = pieces
        self._waiting = memoryview(b"")
        self._sums = hashlib.sha256()
        self.size_bytes = 0

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
        """Let the rest pass."""
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
