"""From the entries of one directory to its record."""

import heapq
import stat
from collections.abc import Iterable
from dataclasses import dataclass

from storekeeper.measure.scanner.entries import Entries
from storekeeper.measure.scanner.listing import ListingWriter
from storekeeper.measure.scanner.table import DirectoryRecord, LinkedFile

# Problems kept by name for each directory; all are counted.
PROBLEMS_KEPT = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class Questions:
    """What to find out about the files of one directory beyond their sums."""

    root_device: int
    large_over_bytes: int | None
    top: int
    names: bool
    recent_since: int | None


def add_entries(record: DirectoryRecord, batches: Iterable[Entries], *, questions: Questions) -> None:
    """Add the entries of a directory to its record."""
    listing = ListingWriter()
    for batch in batches:
        for problem in batch.problems:
            add_problem(record, name=problem[0], reason=problem[1])
        if batch.plain and batch.devices[0] == questions.root_device:
            files = batch
        else:
            files = set_apart(record, batch, root_device=questions.root_device)
        if files.names:
            add_files(record, files, questions=questions)
            if questions.names:
                listing.add(files)
    record.listing = listing.packed()
    if questions.recent_since is not None and record.files and record.newest >= questions.recent_since:
        record.again = True


def set_apart(record: DirectoryRecord, batch: Entries, *, root_device: int) -> Entries:
    """
    Take everything that is no regular file of this filesystem out of a batch; give the rest.

    Subdirectories are noted for the walk; links, sockets and the like count with their own bytes. What lies
    on another filesystem does not count, and may be back under its own name any time without a trace.
    """
    keep: list[int] = []
    for index, mode in enumerate(batch.modes):
        if batch.devices[index] != root_device:
            record.again = True
        elif stat.S_ISREG(mode):
            keep.append(index)
        elif stat.S_ISDIR(mode):
            record.subdirectories.append(batch.names[index])
        elif batch.links[index] > 1:
            record.linked.append(linked(batch, index))
        else:
            record.size += batch.sizes[index]
            record.blocks += batch.blocks[index]
    return batch.pick(keep)


def add_files(record: DirectoryRecord, files: Entries, *, questions: Questions) -> None:
    """Add regular files to the record."""
    size = sum(files.sizes)
    record.files += len(files.names)
    record.size += size
    record.blocks += sum(files.blocks)
    record.oldest = min(record.oldest, min(files.modified))
    record.newest = max(record.newest, max(files.modified))
    if not files.plain and max(files.links) > 1:
        for index, links in enumerate(files.links):
            if links > 1:
                record.linked.append(linked(files, index))
                record.size -= files.sizes[index]
                record.blocks -= files.blocks[index]
    # Files that are not larger together hold no large one: true for most directories, and quick to tell.
    if questions.large_over_bytes is not None and size > questions.large_over_bytes:
        add_large(record, files, questions=questions)


def add_large(record: DirectoryRecord, files: Entries, *, questions: Questions) -> None:
    """Count the files over the limit and keep the biggest."""
    limit = questions.large_over_bytes or 0
    large = [
        (size, files.modified[index], files.names[index])
        for index, size in enumerate(files.sizes)
        if size > limit
    ]
    record.large_files += len(large)
    record.large = heapq.nlargest(questions.top, record.large + large)


def linked(entries: Entries, index: int) -> LinkedFile:
    """Give one entry as a file with several names."""
    return LinkedFile(
        entries.inodes[index], entries.links[index], entries.sizes[index], entries.blocks[index]
    )


def add_problem(record: DirectoryRecord, *, name: str, reason: str) -> None:
    """Count something that could not be read; the next scan tries again."""
    record.errors += 1
    record.again = True
    if len(record.problems) < PROBLEMS_KEPT:
        record.problems.append((name, reason))
