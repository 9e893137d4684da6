"""Every regular file of a tree by name, one directory at a time: for questions that only names answer."""

import stat
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from exporter.scanner.changes import below
from exporter.scanner.errors import AreaUnreadable
from exporter.scanner.reading import GONE, DirectoryReader
from exporter.scanner.request import ScanRequest
from storekeeper.files.tree import OWN_PREFIX


@dataclass(frozen=True, slots=True, kw_only=True)
class CandidateFile:
    """A regular file; ``path`` is relative to the root, times are whole seconds since 1970."""

    path: str
    size_bytes: int
    modified: int
    changed: int


def candidate_files(
    request: ScanRequest,
    *,
    folder: str = "",
    pace: Callable[[int], None] | None = None,
    passed_over: Callable[[str, OSError], None] | None = None,
) -> Iterator[CandidateFile]:
    """
    Give the regular files in ``folder`` and below, in no order, as the scan itself sees them.

    In memory are the names of one batch and of the directories still to be read. Left out: other
    filesystems, storekeeper's own folders (quarantine, trash) and what vanishes meanwhile. A directory that
    cannot be read is told to ``passed_over``. ``pace`` is called after each batch with its number of entries
    and may sleep or raise. Raises AreaUnreadable when the root cannot be opened.
    """
    try:
        reader = DirectoryReader(request, started=time.time(), pace=pace)
    except OSError as error:
        raise AreaUnreadable(f"{request.root} cannot be read: {error.strerror}") from error
    with reader:
        waiting = [folder.strip("/")]
        while waiting:
            path = waiting.pop()
            try:
                for batch in reader.batches(path):
                    for index, mode in enumerate(batch.modes):
                        name = batch.names[index]
                        if batch.devices[index] != reader.device_in_entries:
                            continue
                        if stat.S_ISREG(mode):
                            yield CandidateFile(
                                path=below(path, name),
                                size_bytes=batch.sizes[index],
                                modified=batch.modified[index],
                                changed=batch.changed[index],
                            )
                        elif stat.S_ISDIR(mode) and not name.startswith(OWN_PREFIX):
                            waiting.append(below(path, name))
            except OSError as error:
                if passed_over is not None and error.errno not in GONE:
                    passed_over(path, error)
