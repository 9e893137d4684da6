"""Writing a new file beside an old one: below the root alone, over nothing, readable for the same people."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from storekeeper.errors import UnsafePath
from storekeeper.files import FoundFile, Tree

REPOSITORY = Path(__file__).resolve().parents[3]


@pytest.fixture
def root(tmp_path: Path) -> Path:
    folder = tmp_path / "root" / "images"
    folder.mkdir(parents=True)
    (folder / "a.jpg").write_bytes(b"old")
    return tmp_path / "root"


def found(tree: Tree) -> FoundFile:
    file = tree.look("images/a.jpg")
    assert file is not None
    return file


def test_the_new_file_has_the_mode_of_the_old_one(root: Path) -> None:
    """Also where the umask would take rights away."""
    (root / "images/a.jpg").chmod(0o664)
    with Tree(root) as tree:
        file = tree.write_beside(found(tree), last="ថ្មី.webp", content=b"new")
        assert tree.look("images/ថ្មី.webp") == file
    status = (root / "images/ថ្មី.webp").stat()
    assert (file.name, file.size_bytes, status.st_mode & 0o777) == ("images/ថ្មី.webp", 3, 0o664)


def test_no_file_is_replaced(root: Path) -> None:
    """A taken name is an error, and so is a link under it."""
    (root / "images/b.webp").write_bytes(b"theirs")
    os.symlink("/tmp/nowhere", root / "images/c.webp")
    with Tree(root) as tree:
        for last in ("b.webp", "c.webp"):
            with pytest.raises(FileExistsError):
                tree.write_beside(found(tree), last=last, content=b"new")
    assert (root / "images/b.webp").read_bytes() == b"theirs"


def test_no_file_is_written_elsewhere(root: Path, tmp_path: Path) -> None:
    """Neither by a name that climbs nor through a folder that was swapped for a link."""
    with Tree(root) as tree:
        file = found(tree)
        for last in ("..", "", "a\0b", "../b.webp", "/tmp/b.webp"):
            with pytest.raises(UnsafePath):
                tree.write_beside(file, last=last, content=b"new")
        (root / "images").rename(tmp_path / "moved")
        os.symlink(tmp_path / "moved", root / "images")
        with pytest.raises(UnsafePath):
            tree.write_beside(file, last="b.webp", content=b"new")
    assert sorted(os.listdir(tmp_path / "moved")) == ["a.jpg"]
    assert sorted(os.listdir(root)) == ["images"]


def test_others_write_only_what_the_same_people_can_read(tmp_path: Path) -> None:
    """Who cannot give the file to the old one's group writes it only where everybody may read it."""
    code = (
        "import os, sys\nfrom pathlib import Path\n"
        "from storekeeper.files.place import Place\nfrom storekeeper.files.writing import write_new\n"
        "folder = Place(folder=Path(sys.argv[1]), descriptor=os.open(sys.argv[1], os.O_RDONLY))\n"
        "if os.geteuid() == 0:\n    os.setgroups([]); os.setgid(65534); os.setuid(65534)\n"
        "write_new(folder, 'new', name='new', content=b'new', like=os.stat(sys.argv[2]))\n"
    )
    tmp_path.chmod(0o777)
    outcomes = []
    for like in ("/etc/shadow", "/etc/passwd"):
        arguments = [sys.executable, "-c", code, str(tmp_path), like]
        done = subprocess.run(arguments, cwd=REPOSITORY, capture_output=True, text=True)
        outcomes.append("PermissionError" in done.stderr)
    assert (outcomes, os.listdir(tmp_path)) == ([True, False], ["new"])
