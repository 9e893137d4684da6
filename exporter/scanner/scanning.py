"""One scan from beginning to end."""

import os
import threading
import time
from collections.abc import Callable

from exporter.scanner import totals
from exporter.scanner.errors import AreaUnreadable, ScanCancelled
from exporter.scanner.reading import DirectoryReader
from exporter.scanner.request import Budget, ScanRequest
from exporter.scanner.table import TreeState
from exporter.scanner.usage import TreeUsage


def scan(
    request: ScanRequest,
    *,
    previous: TreeState | None = None,
    full: bool = False,
    budget: Budget | None = None,
    cancelled: threading.Event | None = None,
    clock: Callable[[], float] = time.time,
    processes: int | None = None,
) -> TreeUsage:
    """
    Measure a tree.

    With the ``state`` of an earlier result as ``previous`` only directories that changed are read, unless
    ``full``. ``processes`` bounds the helper processes of a long walk: None for one per processor, at most
    two; 0 for none. Raises AreaUnreadable, and ScanCancelled once ``cancelled`` is set.
    """
    started = clock()

    def pace(_entries: int) -> None:
        if cancelled is not None and cancelled.is_set():
            raise ScanCancelled(f"the walk of {request.root} was stopped")

    try:
        with DirectoryReader(request, started=started, pace=pace) as reader:
            state = walk(reader)
    except OSError as error:
        raise AreaUnreadable(
            f"{request.root} cannot be measured: {error.strerror}",
            hint="Is the folder there, and may we read it?",
        ) from error
    whole = totals.whole_tree(state)
    oldest, newest = totals.ages(state)
    large_files, largest = totals.large_files(state, top=request.top)
    errors, problems = totals.problems(state)
    finished = clock()
    return TreeUsage(
        root=request.root,
        size_bytes=whole.size_bytes,
        allocated_bytes=whole.allocated_bytes,
        files=whole.files,
        directories=whole.directories,
        directories_size_bytes=sum(state.columns["own_size"]),
        oldest=oldest,
        newest=newest,
        groups=totals.groups(state, folders=request.groups),
        patterns=totals.patterns(state, request=request, now=finished),
        large_files=large_files,
        largest=largest,
        errors=errors,
        problems=problems,
        directories_read=len(state),
        directories_reused=0,
        started=started,
        finished=finished,
        state=state,
    )


def walk(reader: DirectoryReader) -> TreeState:
    """Read a whole tree, parents before children."""
    state = TreeState(fingerprint="", device=reader.device)
    waiting = [("", -1)]
    while waiting:
        path, parent = waiting.pop()
        record = reader.read(path)
        if record is None:
            if not path:
                raise FileNotFoundError(os.strerror(2))
            continue
        row = state.append(record, parent=parent)
        waiting.extend((f"{path}/{name}" if path else name, row) for name in record.subdirectories)
    return state
