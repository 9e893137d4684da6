"""What a scan answers beyond sums, and how it behaves when things go wrong."""

import os
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from storekeeper.measure.scanner import (
    AreaUnreadable,
    Budget,
    LargeFile,
    ScanCancelled,
    ScanRequest,
    scan,
    unpacked,
)
from storekeeper.measure.scanner.pacing import Pacer
from storekeeper.measure.scanner.state_file import load_state, save_state

# Files are older than any day on which the tests run.
NOW = 1_700_000_000
DAY = 86_400


def put(path: Path, *, size: int, days_old: float = 400) -> Path:
    """Make a file of that size and age, with its folders."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b"x" * size)
    os.utime(path, (NOW - days_old * DAY, NOW - days_old * DAY))
    return path


def test_names_come_with_sizes_and_times(tmp_path: Path) -> None:
    """Asked for names, the walk keeps each regular file with its size and time, by directory."""
    large = tmp_path / "empty" / "sparse"
    large.parent.mkdir()
    with large.open("wb") as file:
        file.truncate(5_000_000_000)
    os.utime(large, (-10, -10))
    put(tmp_path / "ផលិតផល" / "two\nlines", size=100, days_old=1)
    put(tmp_path / "ផលិតផល" / os.fsdecode(b"\xff.jpg"), size=0, days_old=2)
    (tmp_path / "ផលិតផល" / "link").symlink_to("two\nlines")
    os.link(tmp_path / "ផលិតផល" / "two\nlines", tmp_path / "again")
    state = scan(ScanRequest(root=tmp_path, names=True)).state
    found = {}
    for path, packed in zip(state.paths, state.listings, strict=True):
        listing = unpacked(packed)
        for place, name in enumerate(listing.names):
            found[path, name] = (listing.sizes[place], listing.modified[place])
    expected = {
        ("empty", "sparse"): (5_000_000_000, -10),
        ("ផលិតផល", "two\nlines"): (100, NOW - DAY),
        ("ផលិតផល", os.fsdecode(b"\xff.jpg")): (0, NOW - 2 * DAY),
        ("", "again"): (100, NOW - DAY),
    }
    assert expected == found


def test_a_directory_read_again_with_the_same_files_shares_its_listing(tmp_path: Path) -> None:
    """Whoever compares two states sees at once that nothing has changed."""
    put(tmp_path / "photo.webp", size=10)
    request = ScanRequest(root=tmp_path, names=True, always_read=False, settle_seconds=3600)
    first = scan(request)
    second = scan(request, previous=first.state)
    assert 1 == second.directories_read
    assert first.state.listings[0] is second.state.listings[0]


def test_large_files_are_counted_and_the_biggest_named(tmp_path: Path) -> None:
    """All files over the limit count; only the biggest are named, the biggest first."""
    for size in (10, 2000, 3000, 4000):
        put(tmp_path / f"folder_{size % 3}" / f"{size}.mp4", size=size, days_old=1)
    usage = scan(ScanRequest(root=tmp_path, large_over_bytes=1999, top=2))
    modified = NOW - DAY
    expected = (
        LargeFile(path="folder_1/4000.mp4", size_bytes=4000, modified=modified),
        LargeFile(path="folder_0/3000.mp4", size_bytes=3000, modified=modified),
    )
    assert (3, expected) == (usage.large_files, usage.largest)


def test_only_changed_directories_are_read_again(tmp_path: Path) -> None:
    """A new file costs the reading of its directory alone."""
    for folder in range(5):
        put(tmp_path / f"{folder}" / "photo.webp", size=10)
    later = (tmp_path / "3").stat().st_mtime + 3600
    first = scan(ScanRequest(root=tmp_path), clock=lambda: later)
    put(tmp_path / "3" / "new.webp", size=5)
    second = scan(ScanRequest(root=tmp_path), previous=first.state, clock=lambda: later)
    assert (1, 5, 6) == (second.directories_read, second.directories_reused, second.files)


def test_a_file_rewritten_in_place_is_seen_by_the_full_scan(tmp_path: Path) -> None:
    """An old file rewritten in place leaves no trace in its directory; the full walk finds it."""
    photo = put(tmp_path / "photo.webp", size=10)
    later = tmp_path.stat().st_mtime + 3600
    request = ScanRequest(root=tmp_path)
    first = scan(request, clock=lambda: later)
    put(photo, size=5000)
    second = scan(request, previous=first.state, clock=lambda: later)
    third = scan(request, previous=second.state, full=True, clock=lambda: later)
    assert (0, 4990) == (second.size_bytes - first.size_bytes, third.size_bytes - first.size_bytes)


def test_a_second_name_in_another_directory_counts_no_bytes(tmp_path: Path) -> None:
    """A hard link to a file in a directory that is not read again counts as a name, not as bytes."""
    photo = put(tmp_path / "a" / "photo.webp", size=10_000)
    (tmp_path / "b").mkdir()
    later = (tmp_path / "b").stat().st_mtime + 3600
    request = ScanRequest(root=tmp_path)
    first = scan(request, clock=lambda: later)
    os.link(photo, tmp_path / "b" / "same.webp")
    second = scan(request, previous=first.state, clock=lambda: later)
    assert (first.size_bytes, 2) == (second.size_bytes, second.files)


def test_the_state_survives_a_restart(tmp_path: Path) -> None:
    """A saved state gives the same figures without reading a directory, odd names included."""
    root = tmp_path / "media"
    put(root / os.fsdecode(b"\xff\xfe") / "two\nlines", size=100)
    photo = put(root / "ផលិតផល" / "រូប.webp", size=5000)
    os.link(photo, root / "linked")
    request = ScanRequest(root=root, large_over_bytes=99, names=True)
    later = root.stat().st_mtime + 3600
    first = scan(request, clock=lambda: later)
    save_state(first.state, path=tmp_path / "state")
    second = scan(request, previous=load_state(tmp_path / "state", request=request), clock=lambda: later)
    expected = (first.size_bytes, first.files, first.largest, first.state.listings, first.state.walked_at, 0)
    assert expected == (
        second.size_bytes,
        second.files,
        second.largest,
        second.state.listings,
        second.state.walked_at,
        second.directories_read,
    )


@pytest.mark.parametrize(
    "damage",
    [
        lambda data: data[:-1],
        lambda data: data[:100] + bytes([data[100] ^ 1]) + data[101:],
        lambda data: data.replace(b"tree 3", b"tree 9"),
        lambda _data: b"",
    ],
)
def test_a_damaged_state_is_no_state(tmp_path: Path, damage: Callable[[bytes], bytes]) -> None:
    """Whatever is wrong with the file, the answer is that there is none."""
    (tmp_path / "media").mkdir()
    request = ScanRequest(root=tmp_path / "media")
    path = tmp_path / "state"
    save_state(scan(request).state, path=path)
    path.write_bytes(damage(path.read_bytes()))
    assert load_state(path, request=request) is None


def test_a_state_of_other_questions_is_not_used(tmp_path: Path) -> None:
    """Asked something else, the scan reads everything."""
    put(tmp_path / "photo.webp", size=10)
    later = tmp_path.stat().st_mtime + 3600
    first = scan(ScanRequest(root=tmp_path), clock=lambda: later)
    second = scan(ScanRequest(root=tmp_path, large_over_bytes=5), previous=first.state, clock=lambda: later)
    assert (1, 1) == (second.directories_read, second.large_files)


def test_a_tree_deeper_than_any_path_is_counted(tmp_path: Path) -> None:
    """Nesting beyond the system's longest path is walked, and again from the state."""
    depth = 120
    descriptor = os.open(tmp_path, os.O_RDONLY)
    for _ in range(depth):
        os.mkdir("f" * 200, dir_fd=descriptor)
        below = os.open("f" * 200, os.O_RDONLY, dir_fd=descriptor)
        os.close(descriptor)
        descriptor = below
    os.close(os.open("deepest", os.O_CREAT | os.O_WRONLY, dir_fd=descriptor))
    os.close(descriptor)
    first = scan(ScanRequest(root=tmp_path))
    second = scan(ScanRequest(root=tmp_path), previous=first.state)
    assert (depth + 1, 1, depth + 1, 1) == (first.directories, first.files, second.directories, second.files)


def test_a_missing_root_is_an_error_not_an_empty_tree(tmp_path: Path) -> None:
    """A root that is not there has no usage, also when it was there before."""
    (tmp_path / "media").mkdir()
    request = ScanRequest(root=tmp_path / "media")
    state = scan(request).state
    (tmp_path / "media").rmdir()
    with pytest.raises(AreaUnreadable):
        scan(request, previous=state)


def test_a_directory_swapped_for_a_link_is_not_followed(tmp_path: Path) -> None:
    """What stands behind a link that took a directory's place does not count."""
    root = tmp_path / "media"
    put(root / "photos" / "photo.webp", size=10)
    put(tmp_path / "secret" / "a", size=10)
    put(tmp_path / "secret" / "b", size=10)
    first = scan(ScanRequest(root=root))
    (root / "photos").rename(tmp_path / "moved")
    (root / "photos").symlink_to(tmp_path / "secret")
    second = scan(ScanRequest(root=root), previous=first.state)
    assert (0, 1) == (second.files, second.directories)


def test_a_scan_can_be_stopped(tmp_path: Path) -> None:
    """Once the event is set, the scan ends with ScanCancelled."""
    cancelled = threading.Event()
    cancelled.set()
    with pytest.raises(ScanCancelled):
        scan(ScanRequest(root=tmp_path), cancelled=cancelled)


def test_a_budget_makes_the_walk_sleep() -> None:
    """1,000 entries at 100 a second take 10 seconds, whatever they took to read."""
    time = [0.0]

    def sleep(seconds: float) -> None:
        time[0] += seconds

    pacer = Pacer(Budget(entries_per_second=100), monotonic=lambda: time[0], sleep=sleep)
    for _ in range(10):
        time[0] += 0.1
        pacer(100)
    assert round(time[0], 6) == 10
