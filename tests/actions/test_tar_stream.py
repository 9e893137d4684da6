"""Files that change their size while they are put into an archive."""

import io
import os
import tarfile
from pathlib import Path

from actions.backups.tar_stream import CHUNK_BYTES, Stored, TarStream


class Disturbed(io.FileIO):
    """A real file that another process changes as soon as its first piece was read."""

    def __init__(self, path: Path, *, to_size: int) -> None:
        super().__init__(path)
        self._path = path
        self._to_size = to_size

    def read(self, size: int | None = -1) -> bytes | None:
        data = super().read(size)
        os.truncate(self._path, self._to_size)
        return data


def archive_of(path: Path, *, to_size: int) -> tuple[Stored, bytes, list[str]]:
    """Give what was told, the content in the archive, and the names of all members."""
    out = io.BytesIO()
    stream = TarStream(out.write)
    with Disturbed(path, to_size=to_size) as file:
        stored = stream.add(file, name="media/first")
    other = path.with_name("other")
    other.write_bytes(b"other")
    with other.open("rb") as file:
        stream.add(file, name="media/other")
    stream.close()
    out.seek(0)
    with tarfile.open(fileobj=out) as archive:
        content = archive.extractfile("media/first")
        assert content is not None
        return stored, content.read(), archive.getnames()


def test_a_file_that_shrinks_is_filled_up(tmp_path: Path) -> None:
    """The header's size holds: what is gone becomes zeros, the next file is whole, and it is told."""
    path = tmp_path / "file"
    path.write_bytes(b"x" * 3 * CHUNK_BYTES)
    stored, content, names = archive_of(path, to_size=CHUNK_BYTES)
    assert content == b"x" * CHUNK_BYTES + bytes(2 * CHUNK_BYTES)
    assert stored.changed == "shrank from 3145728 to 1048576 bytes; filled up with zeros"
    assert names == ["media/first", "media/other"]


def test_a_file_that_grows_is_cut(tmp_path: Path) -> None:
    """Only the bytes that were there when it was opened go in, and it is told."""
    path = tmp_path / "file"
    path.write_bytes(b"x" * 3 * CHUNK_BYTES)
    stored, content, names = archive_of(path, to_size=4 * CHUNK_BYTES)
    assert content == b"x" * 3 * CHUNK_BYTES
    assert stored.changed == "grew from 3145728 to 4194304 bytes; the rest is left out"
    assert names == ["media/first", "media/other"]


def test_an_unchanged_file_is_told_as_such(tmp_path: Path) -> None:
    """A file whose size and time stay has nothing to tell; its sum is that of its bytes."""
    path = tmp_path / "file"
    path.write_bytes(b"")
    out = io.BytesIO()
    with path.open("rb") as file:
        stored = TarStream(out.write).add(file, name="media/empty")
    assert stored == Stored(
        sha256="e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855", size_bytes=0
    )
