"""The helper process of a long walk: reads the directories that it is told over standard input."""

import os
from contextlib import suppress

from exporter.scanner.frames import Answer, Assignment, receive, send
from exporter.scanner.priority import yield_disk
from exporter.scanner.reading import DirectoryReader
from exporter.scanner.table import TreeState

STANDARD_INPUT = 0
STANDARD_OUTPUT = 1
# A walk can wait; the shop's customers cannot.
NICE = 10


def main() -> None:
    """Serve until the other side closes the pipe."""
    yield_to_others()
    with suppress(EOFError, BrokenPipeError, KeyboardInterrupt):
        assignment: Assignment = receive(STANDARD_INPUT)
        with DirectoryReader(assignment.request, started=assignment.started) as reader:
            send(STANDARD_OUTPUT, True)
            while True:
                send(STANDARD_OUTPUT, answer(reader, receive(STANDARD_INPUT)))


def answer(reader: DirectoryReader, paths: list[str]) -> Answer:
    """Read each directory; those that are gone are left out."""
    rows = TreeState(fingerprint="", device=reader.device)
    places: list[int] = []
    subdirectories: list[list[str]] = []
    for place, path in enumerate(paths):
        record = reader.read(path)
        if record is not None:
            rows.append(record, parent=-1)
            places.append(place)
            subdirectories.append(record.subdirectories)
    return Answer(places=places, rows=rows, subdirectories=subdirectories)


def yield_to_others() -> None:
    """Take a low priority for the processor, and for the disk the lowest."""
    os.setpriority(os.PRIO_PROCESS, 0, max(NICE, os.getpriority(os.PRIO_PROCESS, 0)))
    yield_disk()


if __name__ == "__main__":
    main()
