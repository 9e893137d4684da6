"""The helper process of a long walk: reads the directories that it is told over standard input."""

import os
from contextlib import suppress

from storekeeper.measure.scanner.frames import Answer, Assignment, receive, send
from storekeeper.measure.scanner.reading import DirectoryReader
from storekeeper.measure.scanner.table import TreeState

STANDARD_INPUT = 0
STANDARD_OUTPUT = 1
NICE = 10


def main() -> None:
    """Serve until the other side closes the pipe."""
    # A walk can wait; the shop's customers cannot. The disk's priority is that of the thread that started us.
    os.setpriority(os.PRIO_PROCESS, 0, max(NICE, os.getpriority(os.PRIO_PROCESS, 0)))
    with suppress(EOFError, BrokenPipeError, KeyboardInterrupt):
        assignment: Assignment = receive(STANDARD_INPUT)
        with DirectoryReader(assignment.request, started=assignment.started, alone=True) as reader:
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


if __name__ == "__main__":
    main()
