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

from storekeeper.measure.scanner import ScanRequest, TreeUsage, scan, unpacked

# Longer than the tick of any filesystem clock that the tests run on, so that a later change shows.
SETTLE_SECONDS = 0.03
# Every string is a name as Linux has it: any bytes but NUL and the slash.
ODD_NAMES = st.binary(min_size=1, max_size=20).map(
    lambda name: os.fsdecode(name.replace(b"/", b"_").replace(b"\0", b"-").replace(b".", b","))
)
# Few folders and mostly known names, so that a change often meets what an earlier one left.
NAMES = st.one_of(
    st.sampled_from(["a", "b", "c"]),
    st.sampled_from(["a", "ទិន្នន័យ", "new\nline", ".hidden", " ", "*", "[x]"]),
    ODD_NAMES,
)
FOLDERS = st.lists(st.sampled_from(["a", "b", "ថត"]), max_size=3)
KINDS = [
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


@dataclass(frozen=True)
class Step:
    """One thing that happens to a tree: to the ``old``-th entry that is there, or to a new one."""

    kind: str
    old: int = 0
    folders: tuple[str, ...] = ()
    name: str = "a"
    size: int = 0


STEPS = st.lists(
    st.builds(
        Step,
        kind=st.sampled_from(KINDS),
        old=st.integers(0, 30),
        folders=FOLDERS.map(tuple),
        name=NAMES,
        size=st.integers(0, 20_000),
    ),
    min_size=10,
    max_size=30,
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
    names: tuple[tuple[str, int, int], ...]


def reference(root: str) -> Figures:
    """Walk a tree in the plainest way, by path and one entry at a time."""
    size = blocks = files = directories = 0
    times: list[int] = []
    seen: set[int] = set()
    names: list[tuple[str, int, int]] = []
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
            names.append((os.path.relpath(path, root), status.st_size, times[-1]))
        if stat.S_ISDIR(status.st_mode):
            blocks += status.st_blocks
        elif status.st_nlink == 1 or status.st_ino not in seen:
            size += status.st_size
            blocks += status.st_blocks
            seen.add(status.st_ino)
    oldest, newest = min(times, default=None), max(times, default=None)
    return Figures(size, blocks * 512, files, directories, oldest, newest, tuple(sorted(names)))


def figures(usage: TreeUsage) -> Figures:
    """Give the same figures from a scan."""
    return Figures(
        usage.size_bytes,
        usage.allocated_bytes,
        usage.files,
        usage.directories,
        usage.oldest,
        usage.newest,
        tuple(sorted(named_files(usage))),
    )


def named_files(usage: TreeUsage) -> Iterator[tuple[str, int, int]]:
    """Give path, size and time of each file that the state lists."""
    for path, packed in zip(usage.state.paths, usage.state.listings, strict=True):
        listing = unpacked(packed)
        for place, name in enumerate(listing.names):
            yield os.path.join(path, name), listing.sizes[place], listing.modified[place]


@contextmanager
def small_tree() -> Iterator[str]:
    """Give a folder with a few things to change; it is removed afterwards."""
    folder = tempfile.mkdtemp()
    for inner in ("a/b", "b", "ថត"):
        os.makedirs(os.path.join(folder, inner))
        Path(folder, inner, "c").write_bytes(inner.encode() * 1000)
    os.link(os.path.join(folder, "b", "c"), os.path.join(folder, "a", "same"))
    try:
        yield folder
    finally:
        shutil.rmtree(folder)


def change(root: str, step: Step) -> None:
    """Make one change; what the tree does not allow (a folder into itself) is passed over."""
    entries = sorted(
        os.path.join(folder, name) for folder, folders, files in os.walk(root) for name in [*folders, *files]
    )
    old = entries[step.old % len(entries)] if entries else root
    plain = os.path.isfile(old) and not os.path.islink(old)
    new = os.path.join(root, *step.folders, step.name)
    with suppress(OSError):
        if step.kind == "settle":
            time.sleep(SETTLE_SECONDS)
        elif step.kind == "rewrite" and plain:
            Path(old).write_bytes(b"x" * step.size)
        elif step.kind == "replace" and plain:
            beside = os.path.join(root, ".new")
            Path(beside).write_bytes(b"y" * step.size)
            os.replace(beside, old)
        elif step.kind == "delete" and entries:
            shutil.rmtree(old) if os.path.isdir(old) and not os.path.islink(old) else os.unlink(old)
        elif step.kind == "rename" and entries:
            os.rename(old, new)
        elif step.kind == "link":
            os.link(old, new, follow_symlinks=False)
        elif step.kind == "symlink":
            os.symlink(old, new)
        elif step.kind in {"create", "folder"} and not os.path.lexists(new):
            os.makedirs(os.path.dirname(new), exist_ok=True)
            os.mkdir(new) if step.kind == "folder" else Path(new).write_bytes(b"x" * step.size)


@settings(deadline=None, max_examples=60, suppress_health_check=[HealthCheck.too_slow])
@given(steps=STEPS)
def test_a_full_scan_equals_a_plain_walk(
    steps: list[Step],
) -> None:
    """Sizes, counts and ages are those of the plain walk, whatever the tree holds."""
    with small_tree() as root:
        for step in steps:
            if step.kind != "settle":
                change(root, step)
        assert reference(root) == figures(scan(ScanRequest(root=Path(root), names=True), processes=0))


@settings(deadline=None, max_examples=60, suppress_health_check=[HealthCheck.too_slow])
@given(steps=STEPS)
def test_an_incremental_scan_misses_no_change_of_names(
    steps: list[Step],
) -> None:
    """Creates, deletes, renames and replacements are all seen, even within one tick of the clock."""
    with small_tree() as root:
        request = ScanRequest(root=Path(root), names=True, recent_seconds=0, settle_seconds=SETTLE_SECONDS)
        state = None
        for step in [*steps, Step("scan")]:
            if step.kind == "scan":
                usage = scan(request, previous=state, processes=0)
                assert reference(root) == figures(usage)
                assert usage.state.paths[0] == ""
                state = usage.state
            elif step.kind != "rewrite":
                change(root, step)


@settings(deadline=None, max_examples=60, suppress_health_check=[HealthCheck.too_slow])
@given(steps=STEPS)
def test_an_incremental_scan_sees_recent_files_rewritten_in_place(
    steps: list[Step],
) -> None:
    """With the rule for recent files on, rewriting a recent file in place is seen as well."""
    with small_tree() as root:
        request = ScanRequest(root=Path(root), names=True, recent_seconds=3600, settle_seconds=SETTLE_SECONDS)
        state = None
        for step in [*steps, Step("scan")]:
            if step.kind == "scan":
                usage = scan(request, previous=state, processes=0)
                assert reference(root) == figures(usage)
                state = usage.state
            else:
                change(root, step)
