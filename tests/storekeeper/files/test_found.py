"""What makes a file the one that was found: each of its marks alone tells another file."""

import os
import stat
from dataclasses import replace
from pathlib import Path

import pytest

from storekeeper.files.found import FoundFile, found_file


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A small file."""
    (tmp_path / "file").write_bytes(b"old")
    return tmp_path / "file"


def found(path: Path) -> FoundFile:
    """Look at it."""
    file = found_file("file", path.lstat())
    assert file is not None
    return file


def test_rewritten_file_of_the_same_size_is_another(path: Path) -> None:
    """Content of the same length, written into the same file a moment later, shows in the time alone."""
    file = found(path)
    with path.open("r+b") as stream:
        stream.write(b"new")
    os.utime(path, ns=(0, file.modified_ns + 1))
    status = path.lstat()
    assert (file.inode, file.size_bytes) == (status.st_ino, status.st_size)
    assert not file.is_still(status)
    assert not file.same_as(found(path))
    os.utime(path, ns=(0, file.modified_ns))
    assert file.is_still(path.lstat())


@pytest.mark.parametrize("mark", ["device", "inode", "size_bytes", "modified_ns"])
def test_each_mark_alone_tells_another_file(path: Path, mark: str) -> None:
    """A file that differs in one of its four marks is another; times of access and names do not count."""
    file = found(path)
    other = replace(file, **{mark: getattr(file, mark) + 1})
    assert not other.is_still(path.lstat())
    assert not other.same_as(file)
    assert replace(file, name="renamed", links=2, changed_ns=0).is_still(path.lstat())
    assert replace(file, name="renamed", links=2, changed_ns=0).same_as(file)


def test_no_other_kind_is_the_file(path: Path) -> None:
    """With every mark equal, a folder or a pipe is not the regular file that was found."""
    file = found(path)
    status = path.lstat()
    for kind in (stat.S_IFDIR, stat.S_IFIFO, stat.S_IFLNK):
        values = list(status)
        values[0] = kind | 0o644
        extra = {"st_mtime_ns": status.st_mtime_ns, "st_ctime_ns": status.st_ctime_ns}
        assert not file.is_still(os.stat_result(values, extra))
    (path.parent / "link").symlink_to(path)
    assert found_file("link", (path.parent / "link").lstat()) is None
    assert found_file("folder", path.parent.lstat()) is None


def test_youngest_is_the_later_time(path: Path) -> None:
    """A copied-in file keeps an old time of change, but not the time of its own making."""
    file = replace(found(path), modified_ns=1_000_000_000, changed_ns=7_000_000_000)
    assert (1.0, 7.0) == (file.modified, file.youngest)
    assert 9.0 == replace(file, modified_ns=9_000_000_000).youngest
