"""Somebody who swaps files and folders while they are being removed can make us lose nothing else."""

import mmap
import os
import struct
from collections.abc import Iterator
from pathlib import Path

from storekeeper.errors import UnsafePath
from storekeeper.files import FoundFile, Tree
from tests.swapping import attacker

FILES = 6000

# Watches which file is next and puts a valuable one under its name at that very moment.
SWAP_FILES = """
import mmap, os, struct, sys
folder = os.open(sys.argv[1], os.O_RDONLY)
position = mmap.mmap(os.open(sys.argv[2], os.O_RDWR), 8)
print("ready", flush=True)
last = -1
while True:
    number = struct.unpack("q", position[:8])[0]
    if number == -2:
        break
    if number == last:
        continue
    last = number
    for _ in range(number % 40):
        pass
    try:
        os.rename(f"valuable{number}", f"f{number}", src_dir_fd=folder, dst_dir_fd=folder)
    except FileNotFoundError:
        pass
"""

SWAP_FOLDER = """
import os, sys
root, outside = sys.argv[1:]
print("ready", flush=True)
while not os.path.exists(root + "/stop"):
    os.rename(root + "/a", root + "/hidden")
    os.symlink(outside, root + "/a")
    os.unlink(root + "/a")
    os.rename(root + "/hidden", root + "/a")
"""


def test_a_file_swapped_in_at_the_last_moment_is_not_lost(tmp_path: Path) -> None:
    """Each of thousands of valuable files is there afterwards, whatever moment it was swapped in."""
    folder, shared = tmp_path / "root", tmp_path / "position"
    folder.mkdir()
    for number in range(FILES):
        (folder / f"f{number}").write_text("planned")
        (folder / f"valuable{number}").write_text(f"valuable {number}")
    shared.write_bytes(struct.pack("q", -1))
    with (
        shared.open("r+b") as stream,
        mmap.mmap(stream.fileno(), 8) as position,
        Tree(folder) as tree,
        attacker(SWAP_FILES, folder, shared),
    ):
        planned = {file.name: file for file in tree.walk() if file.name.startswith("f")}

        def announced() -> Iterator[FoundFile]:
            for number in range(FILES):
                position[:8] = struct.pack("q", number)
                yield planned[f"f{number}"]

        results = [removed for _, removed in tree.remove_all(announced())]
        position[:8] = struct.pack("q", -2)
    found = sorted(path.read_text() for path in folder.rglob("*") if path.is_file())
    assert found == sorted(f"valuable {number}" for number in range(FILES))
    # Else the attack would have been no attack.
    assert False in results


def test_a_folder_swapped_for_a_link_never_leads_outside(tmp_path: Path) -> None:
    """While a folder flickers between itself and a link, no file behind the link is removed."""
    root, outside = tmp_path / "root", tmp_path / "outside"
    (root / "a").mkdir(parents=True)
    outside.mkdir()
    for number in range(FILES):
        path = root / "a" / f"f{number}"
        path.write_text("planned")
        # The same file: nothing but the way to it tells that this name is not ours to remove.
        os.link(path, outside / path.name)
    with Tree(root) as tree:
        planned = list(tree.walk())
        refused = 0
        with attacker(SWAP_FOLDER, root, outside):
            # As long as it takes until the attack has met a removal.
            while not refused and len(os.listdir(outside)) == FILES:
                for file in planned:
                    try:
                        tree.remove(file)
                    except UnsafePath:
                        refused += 1
            (root / "stop").touch()
    assert len(os.listdir(outside)) == FILES
