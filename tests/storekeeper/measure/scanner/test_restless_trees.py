"""Trees that do not keep still, that are closed to us, or that go on on another filesystem."""

import json
import os
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from storekeeper.measure.scanner import ScanRequest, scan, unpacked
from storekeeper.measure.scanner.entries import BATCH_ENTRIES

# Longer than the tick of the clock of any filesystem, in seconds.
TICK = 2
NOBODY = 65534

SCAN_AS_NOBODY = f"""
import json, os, sys
from pathlib import Path
from storekeeper.measure.scanner import ScanRequest, scan
if os.geteuid() == 0:
    os.setgroups([]); os.setgid({NOBODY}); os.setuid({NOBODY})
request = ScanRequest(root=Path("."), names=True)
first = scan(request)
second = scan(request, previous=first.state)
print(json.dumps([
    [usage.files, usage.directories, usage.errors, [[told.path, told.reason] for told in usage.problems]]
    for usage in (first, second)
]))
"""


class Interference(threading.Event):
    """An event that is never set; each time it is looked at, between two batches, something happens."""

    def __init__(self, *, happens: Callable[[int], None]) -> None:
        super().__init__()
        self._happens = happens
        self._looks = 0

    def is_set(self) -> bool:
        """Let it happen, and tell that the scan is to go on."""
        self._looks += 1
        self._happens(self._looks)
        return False


def fill(folder: Path, *, files: int) -> None:
    """Make a folder with empty files."""
    folder.mkdir(parents=True, exist_ok=True)
    for number in range(files):
        (folder / f"{number:06}").touch()


def test_files_that_vanish_in_the_middle_of_their_folder_are_no_error(tmp_path: Path) -> None:
    """Files that go between the reading of their name and the look at them do not count, nor as problems."""
    files = BATCH_ENTRIES * 3
    fill(tmp_path, files=files)

    def empty(look: int) -> None:
        # The first look comes before the walk, the second after the first batch.
        if look == 2:
            for path in tmp_path.iterdir():
                path.unlink()

    usage = scan(ScanRequest(root=tmp_path, names=True), cancelled=Interference(happens=empty))
    assert (BATCH_ENTRIES, 0) == (usage.files, usage.errors)
    assert BATCH_ENTRIES == len(unpacked(usage.state.listings[0]).names)
    assert 0 == scan(ScanRequest(root=tmp_path, names=True), previous=usage.state).files


def test_folders_that_vanish_before_they_are_read_are_no_error(tmp_path: Path) -> None:
    """A folder that goes, or becomes a file or a link, after its name was read is not part of the tree."""
    outside = tmp_path / "outside"
    fill(outside, files=3)
    root = tmp_path / "media"
    for name in ("gone", "file", "link", "stays"):
        fill(root / name, files=5)

    def swap(look: int) -> None:
        if look == 2:
            for name in ("gone", "file", "link"):
                shutil.rmtree(root / name)
            (root / "file").write_bytes(b"x")
            (root / "link").symlink_to(outside)

    usage = scan(ScanRequest(root=root), cancelled=Interference(happens=swap))
    assert (5, 2, 0) == (usage.files, usage.directories, usage.errors)
    later = scan(ScanRequest(root=root), previous=usage.state)
    assert (6, 2, 0) == (later.files, later.directories, later.errors)


def test_folders_that_vanish_during_a_rescan_are_no_error(tmp_path: Path) -> None:
    """Gone between the question whether they changed and their reading, with all that was below them."""
    for name in ("a/deep/deeper", "b/deep/deeper", "c"):
        fill(tmp_path / name, files=2)
    state = scan(ScanRequest(root=tmp_path)).state

    def remove(look: int) -> None:
        # All folders are so young that they are read again; their state was asked for by now.
        if look == 3:
            shutil.rmtree(tmp_path / "a")
            shutil.rmtree(tmp_path / "b" / "deep" / "deeper")

    usage = scan(ScanRequest(root=tmp_path), previous=state, cancelled=Interference(happens=remove))
    assert 0 == usage.errors
    later = scan(ScanRequest(root=tmp_path), previous=usage.state)
    assert (2, 4) == (later.files, later.directories)


def test_walks_beside_a_restless_shop_end_with_the_truth(tmp_path: Path, thorough: bool) -> None:
    """However folders come and go during many walks, the walk after the last change finds what is there."""
    stopping = threading.Event()

    def churn() -> None:
        number = 0
        while not stopping.is_set():
            folder = tmp_path / f"{number % 7}" / f"{number % 3}"
            fill(folder, files=number % 40)
            if number % 4 == 0:
                shutil.rmtree(tmp_path / f"{(number + 3) % 7}", ignore_errors=True)
            elif number % 4 == 2 and folder.exists():
                folder.rename(tmp_path / f"moved_{number % 5}_{number}")
            elif number % 31 == 0:
                for moved in tmp_path.glob("moved_*"):
                    shutil.rmtree(moved)
            number += 1

    shop = threading.Thread(target=churn)
    shop.start()
    try:
        state = None
        until = time.monotonic() + (60 if thorough else 1)
        while time.monotonic() < until:
            usage = scan(ScanRequest(root=tmp_path, names=True, recent_seconds=0), previous=state)
            assert 0 == usage.errors
            state = usage.state
    finally:
        stopping.set()
        shop.join()
    usage = scan(ScanRequest(root=tmp_path, names=True, recent_seconds=0), previous=state)
    expected = sorted(str(path.relative_to(tmp_path)) for path in tmp_path.rglob("*") if path.is_file())
    found = sorted(
        f"{path}/{name}"
        for path, packed in zip(usage.state.paths, usage.state.listings, strict=True)
        for name in unpacked(packed).names
    )
    assert expected == found
    assert len(expected) == usage.files


def test_folders_that_are_closed_to_us_are_told(tmp_path: Path) -> None:
    """What cannot be read counts as an error, with its path; the rest of the tree is measured."""
    fill(tmp_path / "open", files=3)
    fill(tmp_path / "closed", files=5)
    fill(tmp_path / "above" / "open_below", files=2)
    (tmp_path / "closed").chmod(0)
    # May be listed, but no entry can be looked at.
    (tmp_path / "above").chmod(0o444)
    tmp_path.chmod(0o755)
    try:
        done = subprocess.run(
            [sys.executable, "-c", SCAN_AS_NOBODY],
            cwd=tmp_path,
            env={**os.environ, "PYTHONPATH": os.pathsep.join(path for path in sys.path if path)},
            capture_output=True,
            text=True,
            check=True,
        )
    finally:
        for name in ("closed", "above"):
            (tmp_path / name).chmod(0o755)
    expected = [3, 4, 2, [["above/open_below", "Permission denied"], ["closed", "Permission denied"]]]
    for files, directories, errors, problems in json.loads(done.stdout):
        assert expected == [files, directories, errors, sorted(problems)]


@pytest.fixture
def other_disk(tmp_path: Path) -> Iterator[Path]:
    """Another filesystem in the middle of a tree; needs the right to mount, as a container's root has it."""
    folder = tmp_path / "media" / "mounted"
    folder.mkdir(parents=True)
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", folder], check=True)
    yield folder
    subprocess.run(["umount", "--lazy", folder], check=True)


def test_another_filesystem_is_not_entered(other_disk: Path) -> None:
    """Neither walk nor rescan counts what is mounted in the tree; once it goes, the folder below counts."""
    root = other_disk.parent
    fill(root / "ours", files=2)
    fill(other_disk / "deep", files=4)
    later = time.time() + 10 * TICK
    request = ScanRequest(root=root, recent_seconds=0)
    first = scan(request, clock=lambda: later)
    assert (2, 2, 0) == (first.files, first.directories, first.errors)
    second = scan(request, previous=first.state, clock=lambda: later)
    assert (2, 2, 0) == (second.files, second.directories, second.errors)
    subprocess.run(["umount", other_disk], check=True)
    try:
        # Nothing in the times of its parent tells of it.
        third = scan(request, previous=second.state, clock=lambda: later)
        assert (2, 3) == (third.files, third.directories)
        fill(root / "mounted", files=1)
        fourth = scan(request, previous=third.state)
        assert (3, 3) == (fourth.files, fourth.directories)
    finally:
        subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", other_disk], check=True)


def test_a_disk_that_is_mounted_over_a_known_folder_takes_it_out(tmp_path: Path) -> None:
    """Files that were counted are not any more when a filesystem lies over their folder."""
    fill(tmp_path / "photos" / "deep", files=3)
    later = time.time() + 10 * TICK
    first = scan(ScanRequest(root=tmp_path), clock=lambda: later)
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", tmp_path / "photos"], check=True)
    try:
        second = scan(ScanRequest(root=tmp_path), previous=first.state, clock=lambda: later)
    finally:
        subprocess.run(["umount", "--lazy", tmp_path / "photos"], check=True)
    third = scan(ScanRequest(root=tmp_path), previous=second.state, clock=lambda: later)
    assert [(3, 3), (0, 1), (3, 3)] == [(usage.files, usage.directories) for usage in (first, second, third)]


def test_a_wide_tree_is_walked_and_rescanned(tmp_path: Path, thorough: bool) -> None:
    """Many thousand folders cost neither a folder nor, in a rescan, the reading of those that rest."""
    folders = 300_000 if thorough else 20_000
    for number in range(folders):
        os.makedirs(tmp_path / f"{number % 100}" / f"{number}")
        if number % 1000 == 0:
            (tmp_path / f"{number % 100}" / f"{number}" / "photo.webp").write_bytes(b"x" * 10)
    request = ScanRequest(root=tmp_path, names=True, recent_seconds=0)
    later = time.time() + 10 * TICK
    first = scan(request, clock=lambda: later, processes=0)
    expected = (folders + 101, folders // 1000)
    assert expected == (first.directories, first.files)
    (tmp_path / "7" / "7" / "new.webp").write_bytes(b"x")
    (tmp_path / "99" / "99").rmdir()
    second = scan(request, previous=first.state, clock=lambda: later, processes=0)
    # The folder with a new file, and the one that lost a folder, with that one.
    expected = (folders + 100, folders // 1000 + 1, 3)
    assert expected == (second.directories, second.files, second.directories_read)


@pytest.mark.parametrize(("seconds_after", "read"), [(0, 1), (TICK - 1, 1), (TICK, 1), (TICK + 1, 0)])
def test_a_folder_that_changed_just_before_it_was_read_is_read_again(
    tmp_path: Path, seconds_after: int, read: int
) -> None:
    """Up to the very tick: a second change in it would leave the same times."""
    # Whole seconds, and later than the change time that the system sets.
    changed = int(time.time()) + 1000
    os.utime(tmp_path, (changed, changed))
    request = ScanRequest(root=tmp_path, settle_seconds=TICK)
    first = scan(request, clock=lambda: changed + seconds_after)
    second = scan(request, previous=first.state, clock=lambda: changed + 100 * TICK)
    third = scan(request, previous=second.state, clock=lambda: changed + 100 * TICK)
    assert (read, 0) == (second.directories_read, third.directories_read)


def test_a_folder_with_an_old_time_of_its_own_settles_like_any_other(tmp_path: Path) -> None:
    """A copy keeps the folder's old time; what counts is when it really changed."""
    os.utime(tmp_path, (1_000_000, 1_000_000))
    now = time.time()
    request = ScanRequest(root=tmp_path, settle_seconds=TICK)
    first = scan(request, clock=lambda: now)
    assert 1 == scan(request, previous=first.state, clock=lambda: now + 100).directories_read
