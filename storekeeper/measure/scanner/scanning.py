"""One scan from beginning to end."""

import json
import os
import sys
import threading
import time
from collections.abc import Callable

from storekeeper.measure.scanner import changes, totals
from storekeeper.measure.scanner.errors import AreaUnreadable
from storekeeper.measure.scanner.frames import Assignment
from storekeeper.measure.scanner.pacing import Pacer
from storekeeper.measure.scanner.reading import DirectoryReader
from storekeeper.measure.scanner.request import Budget, ScanRequest
from storekeeper.measure.scanner.table import TreeState
from storekeeper.measure.scanner.usage import TreeUsage

# Helper processes pay from here on: below, their start takes longer than the walk.
FILES_WORTH_HELP = 20_000
HELPERS_AT_MOST = 2


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

    With the ``state`` of an earlier result as ``previous`` only directories that may have changed are read
    (see ``changes`` for what that can miss), unless ``full``. A state of other questions or another place
    leads to a full walk. ``processes`` bounds the helper processes of a long full walk: None for one per
    processor, at most two; 0 for none; with a budget there are none. ``clock`` gives seconds since 1970.
    Raises AreaUnreadable, and ScanCancelled once ``cancelled`` is set.
    """
    started = clock()
    pacer = Pacer(budget, cancelled=cancelled)
    helpers = 0 if budget is not None else helpers_wanted(processes)
    pacer.check()
    try:
        with DirectoryReader(request, started=started, pace=pacer) as reader:
            state, read = None, 0
            if previous is not None and not full and not request.always_read:
                state, read = updated(request, previous=previous, reader=reader)
            if state is None:
                assignment = Assignment(request=request, started=started)
                state = walked(assignment, reader=reader, helpers=helpers, pacer=pacer)
                read = len(state)
    except OSError as error:
        raise AreaUnreadable(
            f"{request.root} cannot be measured: {error.strerror}",
            hint="The folder must be there and readable for the user that runs this.",
        ) from error
    return result(request, state=state, read=read, started=started, finished=clock())


def updated(
    request: ScanRequest, *, previous: TreeState, reader: DirectoryReader
) -> tuple[TreeState | None, int]:
    """Give the tree's new state and how many directories were read; None where a full walk is better."""
    if previous.fingerprint != fingerprint(request) or previous.device != reader.device or not len(previous):
        return None, 0
    rows = changes.changed_rows(previous, reader=reader)
    if 0 in rows and reader.identities([""])[0] is None:
        return None, 0
    if len(rows) * 2 > len(previous) and sum(previous.columns["files"]) > FILES_WORTH_HELP:
        return None, 0
    state, waiting = changes.update(previous, reader=reader, rows=rows)
    if not len(state):
        return None, 0
    new = sum(1 for _ in changes.walk(reader, state=state, waiting=waiting))
    if changes.has_unknown_names(state, previous=previous):
        return None, 0
    return state, len(rows) + new


def walked(assignment: Assignment, *, reader: DirectoryReader, helpers: int, pacer: Pacer) -> TreeState:
    """Read a whole tree, parents before children; with helper processes once it proves to be big."""
    state = TreeState(
        fingerprint=fingerprint(assignment.request), device=reader.device, walked_at=assignment.started
    )
    root = reader.read("")
    if root is None:
        raise FileNotFoundError(2, os.strerror(2))
    if root.errors and not root.files and not root.subdirectories:
        # A root that is closed to us would read as an empty tree.
        reader.require_readable("")
    state.append(root, parent=-1)
    waiting = [(name, 0) for name in root.subdirectories]
    files = root.files
    for row in changes.walk(reader, state=state, waiting=waiting):
        files += state.columns["files"][row]
        if helpers and files >= FILES_WORTH_HELP and len(waiting) > helpers:
            # Loaded where it is used: a helper has no helpers, and starts sooner without the module.
            from storekeeper.measure.scanner.workers import HelpedWalk

            with HelpedWalk(assignment, number=helpers, reader=reader, check=pacer.check) as walk:
                walk.finish(state, waiting=waiting)
    return state


def helpers_wanted(processes: int | None) -> int:
    """Give the number of helper processes to use on this machine."""
    if not sys.platform.startswith("linux") or not sys.executable:
        return 0
    available = len(os.sched_getaffinity(0)) if processes is None else processes
    return 0 if available < HELPERS_AT_MOST else HELPERS_AT_MOST


def fingerprint(request: ScanRequest) -> str:
    """Name the questions whose answers a row holds; groups are worked out from any row."""
    return json.dumps(
        {
            "root": str(request.root),
            "names": request.names,
            "large_over_bytes": request.large_over_bytes,
            "top": request.top,
            "recent_seconds": request.recent_seconds,
            "settle_seconds": request.settle_seconds,
        },
        sort_keys=True,
    )


def result(
    request: ScanRequest, *, state: TreeState, read: int, started: float, finished: float
) -> TreeUsage:
    """Work out what was asked from the rows."""
    whole = totals.whole_tree(state)
    oldest, newest = totals.ages(state)
    large_files, largest = totals.large_files(state, top=request.top)
    errors, problems = totals.problems(state)
    return TreeUsage(
        root=request.root,
        size_bytes=whole.size_bytes,
        allocated_bytes=whole.allocated_bytes,
        files=whole.files,
        directories=whole.directories,
        oldest=oldest,
        newest=newest,
        groups=totals.groups(state, folders=request.groups),
        large_files=large_files,
        largest=largest,
        errors=errors,
        problems=problems,
        directories_read=read,
        directories_reused=len(state) - read,
        started=started,
        finished=finished,
        state=state,
    )
