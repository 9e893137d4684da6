"""
Bring an earlier state of a tree up to date by reading only the directories that may have changed.

What holds: every file that was created, deleted, renamed or replaced (a rename over it) is seen, since that
changes its directory's times. A file rewritten in place leaves no trace in its directory; it is seen when it
was recent as the directory was read (``recent_seconds``), else by the next full scan. All of it as far as
the filesystem's clock is not more than ``settle_seconds`` behind ours.
"""

from collections import Counter
from collections.abc import Collection, Iterator

from storekeeper.measure.scanner.reading import DirectoryReader
from storekeeper.measure.scanner.table import TreeState

# Rows looked at with one call; as many as a batch holds.
ROWS_AT_ONCE = 4096


def update(
    previous: TreeState, *, reader: DirectoryReader, rows: Collection[int]
) -> tuple[TreeState, list[tuple[str, int]]]:
    """
    Read the directories in ``rows`` again.

    Gives the new state, and the subdirectories that are new to it with the row of each one's parent: they
    are still to be walked.
    """
    if not rows:
        return previous, []
    state = previous.copy()
    dropped: set[int] = set()
    fresh: dict[int, set[str]] = {}
    for row in sorted(rows):
        parent = state.columns["parent"][row]
        if parent in dropped:
            dropped.add(row)
            continue
        record = reader.read(state.paths[row])
        if record is None:
            # It went while we looked, or another filesystem lies over it: its parent is not as we know it.
            dropped.add(row)
            if parent >= 0:
                state.columns["again"][parent] = 1
            continue
        state.replace(record, row=row)
        fresh[row] = set(record.subdirectories)
    for row, parent in enumerate(state.columns["parent"]):
        if parent in fresh:
            name = state.paths[row].rpartition("/")[2]
            if name in fresh[parent]:
                fresh[parent].discard(name)
            else:
                dropped.add(row)
    found = [(below(state.paths[row], name), row) for row, names in fresh.items() for name in names]
    if dropped:
        paths = {row: state.paths[row] for _, row in found}
        state = state.without(dropped)
        new_rows = {path: row for row, path in enumerate(state.paths)} if found else {}
        found = [(path, new_rows[paths[row]]) for path, row in found if paths[row] in new_rows]
    return state, found


def changed_rows(state: TreeState, *, reader: DirectoryReader) -> list[int]:
    """Give the rows whose directory must be read again: changed, gone, or marked so when it was read."""
    columns = state.columns
    rows: list[int] = [row for row, again in enumerate(columns["again"]) if again]
    for start in range(0, len(state), ROWS_AT_ONCE):
        end = start + ROWS_AT_ONCE
        known = zip(
            columns["inode"][start:end],
            columns["modified_ns"][start:end],
            columns["changed_ns"][start:end],
            strict=True,
        )
        seen = reader.identities(state.paths[start:end])
        rows += [
            start + place for place, (now, then) in enumerate(zip(seen, known, strict=True)) if now != then
        ]
    return sorted(set(rows))


def has_unknown_names(state: TreeState, *, previous: TreeState) -> bool:
    """
    Tell whether a file that was just read has another name that may have been counted as its only one.

    A second name leaves no trace in the directory of the first. Where the names that are known are fewer than
    the file has, and it was not so before, the rest may be in a directory that was not read again.
    """
    known_lists = {id(files) for files in previous.linked.values()}
    fresh = {
        f.inode: f.links for files in state.linked.values() if id(files) not in known_lists for f in files
    }
    if not fresh:
        return False
    names = Counter(file.inode for files in state.linked.values() for file in files)
    old_names = Counter(file.inode for files in previous.linked.values() for file in files)
    old_links = {file.inode: file.links for files in previous.linked.values() for file in files}
    return any(
        links - names[inode] > old_links.get(inode, 0) - old_names[inode] for inode, links in fresh.items()
    )


def walk(reader: DirectoryReader, *, state: TreeState, waiting: list[tuple[str, int]]) -> Iterator[int]:
    """Read the waiting directories and everything below them into the state; give each new row."""
    while waiting:
        path, parent = waiting.pop()
        record = reader.read(path)
        if record is None:
            continue
        row = state.append(record, parent=parent)
        waiting.extend((below(path, name), row) for name in record.subdirectories)
        yield row


def below(folder: str, name: str) -> str:
    """Give the path of a name in a folder, relative to the root."""
    return f"{folder}/{name}" if folder else name
