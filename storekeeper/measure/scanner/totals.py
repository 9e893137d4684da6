"""From the rows of a tree to what the caller asked for."""

import heapq
from collections.abc import Mapping

from storekeeper.measure.scanner.table import NO_NEWEST, NO_OLDEST, TreeState
from storekeeper.measure.scanner.usage import GroupUsage, LargeFile, ScanProblem

PROBLEMS_TOLD = 20


def whole_tree(state: TreeState) -> GroupUsage:
    """Sum up every row; a file with several names counts once."""
    columns = state.columns
    linked = {file.inode: file for files in state.linked.values() for file in files}
    return GroupUsage(
        size_bytes=sum(columns["size"]) + sum(f.size for f in linked.values()),
        allocated_bytes=512
        * (sum(columns["own_blocks"]) + sum(columns["blocks"]) + sum(f.blocks for f in linked.values())),
        files=sum(columns["files"]),
        directories=len(state),
    )


def ages(state: TreeState) -> tuple[int | None, int | None]:
    """Give the oldest and the newest modification time of all regular files, None without any."""
    oldest = min(state.columns["oldest"], default=NO_OLDEST)
    newest = max(state.columns["newest"], default=NO_NEWEST)
    return (None, None) if newest == NO_NEWEST else (oldest, newest)


def groups(state: TreeState, *, folders: Mapping[str, str]) -> dict[str, GroupUsage]:
    """
    Sum up each folder with everything below it; a folder that is not there sums up to nothing.

    The sums of a state are worked out once: a walk that found nothing new gives the same state again.
    """
    for folder in {folder.strip("/") for folder in folders.values()}.difference(state.sums):
        state.sums[folder] = one_group(state, folder=folder)
    return {name: state.sums[folder.strip("/")] for name, folder in folders.items()}


def one_group(state: TreeState, *, folder: str) -> GroupUsage:
    """Sum up the rows of one folder and below."""
    if not folder or folder == ".":
        return whole_tree(state)
    below = f"{folder}/"
    rows = [row for row, path in enumerate(state.paths) if path == folder or path.startswith(below)]
    columns = state.columns
    linked = {file.inode: file for row in rows for file in state.linked.get(row, ())}
    size = sum(columns["size"][row] for row in rows)
    blocks = sum(columns["own_blocks"][row] + columns["blocks"][row] for row in rows)
    return GroupUsage(
        size_bytes=size + sum(file.size for file in linked.values()),
        allocated_bytes=512 * (blocks + sum(file.blocks for file in linked.values())),
        files=sum(columns["files"][row] for row in rows),
        directories=len(rows),
    )


def large_files(state: TreeState, *, top: int) -> tuple[int, tuple[LargeFile, ...]]:
    """Give the number of files over the limit and the biggest of them, the biggest first."""
    number = sum(found for found, _ in state.large.values())
    named = (
        (size, inside(state.paths[row], name), modified)
        for row, (_, files) in state.large.items()
        for size, modified, name in files
    )
    biggest = heapq.nsmallest(top, named, key=lambda file: (-file[0], file[1]))
    return number, tuple(LargeFile(path=path, size_bytes=size, modified=time) for size, path, time in biggest)


def problems(state: TreeState) -> tuple[int, tuple[ScanProblem, ...]]:
    """Give the number of things that could not be read, and the first of them."""
    told = [
        ScanProblem(path=inside(state.paths[row], name), reason=reason)
        for row, found in state.problems.items()
        for name, reason in found
    ]
    return sum(state.columns["errors"]), tuple(told[:PROBLEMS_TOLD])


def inside(folder: str, name: str) -> str:
    """Join a folder and a name, either of which may be empty."""
    return f"{folder}/{name}" if folder and name else folder or name
