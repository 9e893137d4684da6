"""The scanner against a plain walk, on random trees and after random changes."""

import os
import shutil
import stat
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from exporter.scanner import ScanRequest, TreeUsage, candidate_files, scan

# Longer than the tick of any filesystem clock that the tests run on, so that a later change shows.
SETTLE_SECONDS = 0.03
# Every string is a name as Linux has it: any bytes but NUL and the slash.
NAMES = st.one_of(
    st.sampled_from(["a", "b", "c", "ទិន្នន័យ", "new\nline", ".hidden", " ", "*", "[x]"]),
    st.binary(min_size=1, max_size=20)
    .map(lambda name: os.fsdecode(name.replace(b"/", b"_").replace(b"\0", b"-")))
    .filter(lambda name: name not in {".", ".."}),
)
FOLDERS = st.lists(NAMES, max_size=6)
CHANGES = st.lists(
    st.tuples(
        st.sampled_from(
            [
                "create",
                "create",
                "folder",
                "delete",
                "rename",
                "replace",
                "rewrite",
                "link",
                "symlink",
                "settle",
                "scan",
            ]
        ),
        FOLDERS,
        NAMES,
        FOLDERS,
        NAMES,
        st.integers(0, 20_000),
    ),
    max_size=25,
)


@dataclass(frozen=True)
class Figures:
    """What both walks must agree on."""

    size_bytes: int
    allocated_bytes: int
    files: int
    directories: int
    oldest: int | None
    newest: int | None


def reference(root: str) -> Figures:
    """Walk a tree in the plainest way, by path and one entry at a time."""
    size = blocks = files = directories = 0
    times: list[int] = []
    seen: set[int] = set()
    waiting = [root]
    while waiting:
        path = waiting.pop()
        status = os.lstat(path)
        if stat.S_ISDIR(status.st_mode):
            directories += 1
            waiting += [os.path.join(path, name) for name in os.listdir(path)]
        elif stat.S_ISREG(status.st_mode):
            files += 1
            times.append(status.st_mtime_ns // 10**9)
        if status.st_nlink == 1 or stat.S_ISDIR(status.st_mode) or status.st_ino not in seen:
            size += status.st_size
            blocks += status.st_blocks
            seen.add(status.st_ino)
    return Figures(size, blocks * 512, files, directories, min(times, default=None), max(times, default=None))


def figures(usage: TreeUsage) -> Figures:
    """Give the same figures from a scan."""
    return Figures(
        usage.size_bytes,
        usage.allocated_bytes,
        usage.files,
        usage.directories,
        usage.oldest,
        usage.newest,
    )


@contextmanager
def empty_root() -> Iterator[str]:
    """Give a folder that is removed afterwards."""
    folder = tempfile.mkdtemp()
    try:
        yield folder
    finally:
        shutil.rmtree(folder)


def change(root: str, step: tuple[str, list[str], str, list[str], str, int]) -> None:
    """Make one change; what the tree does not allow (a folder where a file should go) is passed over."""
    kind, folders, name, other_folders, other_name, size = step
    target = os.path.join(root, *folders, name)
    other = os.path.join(root, *other_folders, other_name)
    with suppress(OSError):
        if kind in {"create", "folder"}:
            os.makedirs(os.path.dirname(target), exist_ok=True)
        if kind == "folder":
            os.mkdir(target)
        elif kind in {"create", "rewrite"}:
            flags = os.O_WRONLY | os.O_TRUNC | (os.O_CREAT | os.O_EXCL if kind == "create" else 0)
            descriptor = os.open(target, flags | os.O_NOFOLLOW, 0o600)
            os.write(descriptor, b"x" * size)
            os.close(descriptor)
        elif kind == "replace" and os.path.isfile(target) and not os.path.islink(target):
            new = os.path.join(root, ".new")
            Path(new).write_bytes(b"y" * size)
            os.replace(new, target)
        elif kind == "delete" and os.path.isdir(target) and not os.path.islink(target):
            shutil.rmtree(target)
        elif kind == "delete":
            os.unlink(target)
        elif kind == "rename":
            os.rename(target, other)
        elif kind == "link":
            os.link(target, other, follow_symlinks=False)
        elif kind == "symlink":
            os.symlink(other, target)
        elif kind == "settle":
            time.sleep(SETTLE_SECONDS)


@settings(deadline=None, max_examples=60, suppress_health_check=[HealthCheck.too_slow])
@given(changes=CHANGES)
def test_a_full_scan_equals_a_plain_walk(
    changes: list[tuple[str, list[str], str, list[str], str, int]],
) -> None:
    """Sizes, counts and ages are those of the plain walk, whatever the tree holds."""
    with empty_root() as root:
        for step in changes:
            if step[0] != "settle":
                change(root, step)
        assert reference(root) == figures(scan(ScanRequest(root=Path(root)), processes=0))


@settings(deadline=None, max_examples=60, suppress_health_check=[HealthCheck.too_slow])
@given(changes=CHANGES)
def test_an_incremental_scan_misses_no_change_of_names(
    changes: list[tuple[str, list[str], str, list[str], str, int]],
) -> None:
    """Creates, deletes, renames and replacements are all seen, even within one tick of the clock."""
    with empty_root() as root:
        request = ScanRequest(root=Path(root), recent_seconds=0, settle_seconds=SETTLE_SECONDS)
        state = None
        for step in [*changes, ("scan", [], "", [], "", 0)]:
            if step[0] == "scan":
                usage = scan(request, previous=state, processes=0)
                assert reference(root) == figures(usage)
                assert usage.state.paths[0] == ""
                state = usage.state
            elif step[0] != "rewrite":
                change(root, step)


@settings(deadline=None, max_examples=60, suppress_health_check=[HealthCheck.too_slow])
@given(changes=CHANGES)
def test_an_incremental_scan_sees_recent_files_rewritten_in_place(
    changes: list[tuple[str, list[str], str, list[str], str, int]],
) -> None:
    """With the rule for recent files on, rewriting a recent file in place is seen as well."""
    with empty_root() as root:
        request = ScanRequest(root=Path(root), recent_seconds=3600, settle_seconds=SETTLE_SECONDS)
        state = None
        for step in [*changes, ("scan", [], "", [], "", 0)]:
            if step[0] == "scan":
                usage = scan(request, previous=state, processes=0)
                assert reference(root) == figures(usage)
                state = usage.state
            else:
                change(root, step)


@settings(deadline=None, max_examples=30, suppress_health_check=[HealthCheck.too_slow])
@given(changes=CHANGES)
def test_candidate_files_are_all_regular_files(
    changes: list[tuple[str, list[str], str, list[str], str, int]],
) -> None:
    """Every regular file comes exactly once, with its size, under its own name."""
    with empty_root() as root:
        for step in changes:
            if step[0] != "settle":
                change(root, step)
        expected = sorted(
            (os.path.relpath(os.path.join(folder, name), root), os.lstat(os.path.join(folder, name)).st_size)
            for folder, _, names in os.walk(root)
            for name in names
            if stat.S_ISREG(os.lstat(os.path.join(folder, name)).st_mode)
        )
        found = candidate_files(ScanRequest(root=Path(root)))
        assert expected == sorted((file.path, file.size_bytes) for file in found)
