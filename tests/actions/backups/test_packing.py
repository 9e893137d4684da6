"""Reading back what a backup's file holds, also while it is being written."""

import hashlib
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import IO, Any

import pytest

from actions.backup_database import BackupDatabase
from actions.backups import packing
from actions.backups.packing import PackedWriter, ReadBack, check_content
from storekeeper.errors import BackupRefused


@pytest.mark.parametrize("pieces", [0, 1, 40])
def test_file_is_read_back_while_it_is_written(tmp_path: Path, pieces: int) -> None:
    """However slowly it grows, the sum is that of the whole file."""
    path = tmp_path / "file"
    content = [bytes([number]) * (number * 10_000 + 1) for number in range(pieces)]
    with path.open("wb") as stream, closing(ReadBack(path)) as read_back:
        for piece in content:
            stream.write(piece)
            time.sleep(0.001)
        stream.flush()
        whole = b"".join(content)
        assert read_back.sums() == (hashlib.sha256(whole).hexdigest(), len(whole))


def test_file_that_cannot_be_read_back(tmp_path: Path) -> None:
    """The error comes where the sums are asked for."""
    with closing(ReadBack(tmp_path / "missing")) as read_back, pytest.raises(FileNotFoundError):
        read_back.sums()


class Flipping:
    """A disk that changes a bit in all that it is given."""

    def __init__(self, stream: IO[bytes]) -> None:
        self._stream = stream

    def write(self, data: bytes) -> int:
        """Write something else."""
        return self._stream.write(bytes([data[0] ^ 1]) + data[1:])


class Forgetful:
    """A packer that drops the last byte of all that it is given; its gzip stream is whole and well summed."""

    def __init__(self, packer: Any) -> None:
        self._packer = packer

    def compress(self, data: bytes) -> Any:
        """Pack less."""
        return self._packer.compress(data[:-1])

    def flush(self) -> Any:
        """End the stream."""
        return self._packer.flush()


@pytest.mark.parametrize("proved", [True, False])
def test_packer_that_drops_something(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, proved: bool) -> None:
    """What unpacks to less than came in is refused when it is written, not when it is needed."""
    make = packing.fastest.compressobj

    class Library:
        """The library of the packer, with that packer."""

        error = packing.fastest.error
        decompressobj = staticmethod(packing.fastest.decompressobj)

        @staticmethod
        def compressobj(*arguments: Any) -> Forgetful:
            """Give the packer."""
            return Forgetful(make(*arguments))

    monkeypatch.setattr(packing, "fastest", Library)
    with (tmp_path / "file").open("wb") as stream:
        writer = PackedWriter(stream, compress=True, proved=proved)
        writer.write(b"rows of a shop")
        if proved:
            with pytest.raises(BackupRefused, match="unpacks to something else"):
                writer.close()
            return
        writer.close()
    with pytest.raises(BackupRefused, match="does not hold what was written"):
        check_content(
            tmp_path / "file", compressed=True, sha256=writer.content_sha256, size_bytes=writer.content_bytes
        )


@pytest.mark.parametrize("compress", [True, False])
def test_disk_that_changes_a_bit(
    keeper: Callable[..., Any], monkeypatch: pytest.MonkeyPatch, compress: bool
) -> None:
    """No backup appears whose bytes are not those that were written."""
    begin = PackedWriter.__init__

    def on_a_bad_disk(self: PackedWriter, stream: Any, **options: bool) -> None:
        begin(self, Flipping(stream), **options)  # type: ignore[arg-type]

    monkeypatch.setattr(PackedWriter, "__init__", on_a_bad_disk)
    kept = keeper(orders=5)
    with pytest.raises(BackupRefused, match="does not lie on the disk as it was written"):
        kept.run(BackupDatabase(), compress=compress)
    assert list(kept.config.backups.path.iterdir()) == []
