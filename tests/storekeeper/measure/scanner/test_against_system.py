"""The scanner against the programs that everybody trusts: du and find."""

import os
import socket
import subprocess
from pathlib import Path

import pytest

from storekeeper.measure.scanner import ScanRequest, scan
from tests.sizes import allocated_bytes, file_bytes


def files(folder: Path) -> int:
    """Count the regular files with find."""
    command = ["find", folder, "-xdev", "-type", "f", "-printf", "x"]
    return len(subprocess.run(command, capture_output=True, check=True).stdout)


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """A tree with everything that counts in its own way."""
    root = tmp_path / "media"
    for folder in ("qr_codes/2025/12", "products", "empty"):
        (root / folder).mkdir(parents=True)
    for number in range(30):
        (root / "products" / f"photo_{number}.webp").write_bytes(b"x" * (number * 997))
        (root / "qr_codes" / "2025" / "12" / f"qr_MD{number}.png").write_bytes(b"q" * 600)
    (root / "products" / "ផលិតផល.webp").write_bytes(b"k" * 5000)
    (root / "products" / "two\nlines").write_bytes(b"n" * 70)
    (root / "products" / os.fsdecode(b"\xff\xfe.jpg")).write_bytes(b"b" * 12_345)
    os.link(root / "products" / "photo_20.webp", root / "empty" / "same.webp")
    os.link(root / "products" / "photo_20.webp", root / "products" / "same_again.webp")
    (root / "link_to_folder").symlink_to(tmp_path)
    (root / "link_to_nothing").symlink_to("n" * 200)
    os.link(root / "link_to_nothing", root / "link_twice", follow_symlinks=False)
    os.mkfifo(root / "pipe")
    with (root / "sparse").open("wb") as file:
        file.truncate(50_000_000)
    return root


def test_sizes_and_counts_equal_du_and_find(tree: Path) -> None:
    """Apparent bytes, allocated bytes and files are those of du and find."""
    usage = scan(ScanRequest(root=tree))
    expected = (file_bytes(tree), allocated_bytes(tree), files(tree))
    assert expected == (usage.size_bytes, usage.allocated_bytes, usage.files)


@pytest.mark.parametrize("folder", ["products", "qr_codes", "qr_codes/2025", "empty"])
def test_a_group_equals_du_of_its_folder(tree: Path, folder: str) -> None:
    """A group counts its folder as du counts it alone, hard links into other groups included."""
    group = scan(ScanRequest(root=tree, groups={"group": folder})).groups["group"]
    expected = (file_bytes(tree / folder), allocated_bytes(tree / folder), files(tree / folder))
    assert expected == (group.size_bytes, group.allocated_bytes, group.files)


def test_helper_processes_find_the_same(tmp_path: Path) -> None:
    """A tree big enough for helper processes is counted as du counts it, hard links across folders once."""
    root = tmp_path / "media"
    for folder in range(80):
        (root / f"{folder % 8}" / f"{folder}").mkdir(parents=True)
        descriptor = os.open(root / f"{folder % 8}" / f"{folder}", os.O_RDONLY)
        for number in range(400):
            file = os.open(f"photo_{number}", os.O_CREAT | os.O_WRONLY, 0o600, dir_fd=descriptor)
            os.truncate(file, number * folder)
            os.close(file)
        os.close(descriptor)
        os.link(root / "0" / "0" / "photo_7", root / f"{folder % 8}" / f"{folder}" / "linked")
    usage = scan(ScanRequest(root=root), processes=2)
    expected = (file_bytes(root), allocated_bytes(root), files(root), 89)
    assert expected == (usage.size_bytes, usage.allocated_bytes, usage.files, usage.directories)


def test_a_root_that_is_a_link_is_followed(tree: Path, tmp_path: Path) -> None:
    """The owner may name a link as the root; below it none is followed."""
    (tmp_path / "named").symlink_to(tree)
    usage = scan(ScanRequest(root=tmp_path / "named"))
    assert file_bytes(tree) == usage.size_bytes


def test_sockets_count_as_du_counts_them(tree: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A socket left behind in the folder changes nothing but the entry itself."""
    monkeypatch.chdir(tree)
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind("left.sock")
    usage = scan(ScanRequest(root=tree))
    assert (file_bytes(tree), files(tree)) == (usage.size_bytes, usage.files)
