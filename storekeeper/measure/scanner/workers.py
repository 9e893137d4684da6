"""
A long walk with helper processes: the one place where measuring uses more than this process.

One process cannot keep up with ``du``: the interpreter's lock lets one thread at a time prepare its system
calls, and two threads measured slower than one (2.4 s against 1.8 s for 1,000,000 files). Two helpers can
(``python -m benchmarks scanner``). They are this very program, started by ``storekeeper.processes`` as
``python -m storekeeper.measure.scanner.worker``; no foreign command runs. Not ``multiprocessing``: it would
import the exporter's main module again in each helper and leave a tracker process behind. The parent only
hands out directories and joins rows, so scrapes stay quick meanwhile. A helper has a lower priority for the
processor, and for the disk that of the thread that started it.

A helper that dies costs nothing but time: its directories are read here.
"""

import logging
import os
import selectors
import sys
from collections.abc import Callable
from contextlib import AbstractContextManager, suppress
from pathlib import Path

from storekeeper import processes
from storekeeper.errors import ProcessFailed
from storekeeper.measure.scanner.changes import below
from storekeeper.measure.scanner.frames import Answer, Assignment, receive, send
from storekeeper.measure.scanner.reading import DirectoryReader
from storekeeper.measure.scanner.table import TreeState

# Directories in one task, and how many tasks a helper has at once: one to read, one to go on with.
TASK_DIRECTORIES = 64
TASKS_AT_ONCE = 2
# Two tasks must fit into a pipe (64 KiB), or both sides would wait for each other.
TASK_PATH_CHARACTERS = 6_000
WAIT_SECONDS = 0.2

Waiting = list[tuple[str, int]]
logger = logging.getLogger(__name__)


class Helper:
    """One helper process with the tasks that it has not answered."""

    def __init__(self, assignment: Assignment) -> None:
        ours = str(Path(__file__).resolve().parents[3])
        inherited = os.environ.get("PYTHONPATH")
        self._process = processes.start(
            [sys.executable, "-P", "-m", "storekeeper.measure.scanner.worker"],
            piped=True,
            environment={"PYTHONPATH": os.pathsep.join([ours, inherited] if inherited else [ours])},
            own_group=True,
        )
        if self._process.stdin is None or self._process.stdout is None:
            raise ProcessFailed("the helper has no pipes")
        self._stdin, self._stdout = self._process.stdin, self._process.stdout
        self.ready = False
        self.tasks: list[Waiting] = []
        # The pipe is empty and an assignment is small: this does not wait for the helper to start.
        send(self._stdin.fileno(), assignment)

    def fileno(self) -> int:
        """Give the descriptor to wait at for an answer."""
        return self._stdout.fileno()

    def give(self, task: Waiting) -> None:
        """Hand over a task. Raises OSError when the helper is gone."""
        self.tasks.append(task)
        send(self._stdin.fileno(), [path for path, _ in task])

    def answer(self) -> Answer | None:
        """Take what the helper says next, None for its first word. Raises EOFError when it is gone."""
        value = receive(self.fileno())
        self.ready = True
        return value if isinstance(value, Answer) else None

    def end(self) -> None:
        """End the process and close its pipes."""
        with suppress(OSError):
            self._stdin.close()
        processes.stop(self._process)
        self._stdout.close()


class HelpedWalk(AbstractContextManager["HelpedWalk"]):
    """The rest of a walk, shared between helper processes; until one is ready, this process reads."""

    def __init__(
        self, assignment: Assignment, *, number: int, reader: DirectoryReader, check: Callable[[], None]
    ) -> None:
        self._reader = reader
        self._check = check
        self._helpers: list[Helper] = []
        try:
            for _ in range(number):
                self._helpers.append(Helper(assignment))
        except (ProcessFailed, OSError) as error:
            # No helper is no reason to have no figures: what there is walks on.
            logger.warning("a helper process of the scanner cannot be started: %s", error)

    def __exit__(self, *_exception: object) -> None:
        for helper in self._helpers:
            helper.end()

    def finish(self, state: TreeState, *, waiting: Waiting) -> None:
        """Read the waiting directories and all below them into the state. Raises what ``check`` raises."""
        while waiting or any(helper.tasks for helper in self._helpers):
            self._check()
            self._hand_out(waiting)
            busy = [helper for helper in self._helpers if helper.tasks]
            if not busy and waiting:
                path, parent = waiting.pop()
                record = self._reader.read(path)
                if record is not None:
                    row = state.append(record, parent=parent)
                    waiting.extend((below(path, name), row) for name in record.subdirectories)
            for helper in self._speaking(WAIT_SECONDS if busy else 0):
                self._take(helper, state=state, waiting=waiting)

    def _speaking(self, timeout_seconds: float) -> list[Helper]:
        if not self._helpers:
            return []
        with selectors.DefaultSelector() as selector:
            for helper in self._helpers:
                selector.register(helper, selectors.EVENT_READ, helper)
            return [key.data for key, _ in selector.select(timeout_seconds)]

    def _hand_out(self, waiting: Waiting) -> None:
        for _ in range(TASKS_AT_ONCE):
            for helper in [helper for helper in self._helpers if helper.ready]:
                if len(helper.tasks) < TASKS_AT_ONCE and (task := self._task(waiting)):
                    try:
                        helper.give(task)
                    except OSError:
                        self._lost(helper, waiting)

    def _task(self, waiting: Waiting) -> Waiting:
        share = len(waiting) // (len(self._helpers) * TASKS_AT_ONCE * 2)
        size = max(1, min(TASK_DIRECTORIES, share))
        task: Waiting = []
        characters = 0
        while waiting and len(task) < size:
            characters += len(waiting[-1][0])
            if characters > TASK_PATH_CHARACTERS:
                break
            task.append(waiting.pop())
        return task

    def _take(self, helper: Helper, *, state: TreeState, waiting: Waiting) -> None:
        try:
            answer = helper.answer()
        except EOFError:
            self._lost(helper, waiting)
            return
        if answer is None:
            return
        task = helper.tasks.pop(0)
        given = [task[place] for place in answer.places]
        first = state.extend(answer.rows, parents=[parent for _, parent in given])
        for offset, (path, _) in enumerate(given):
            waiting.extend((below(path, name), first + offset) for name in answer.subdirectories[offset])

    def _lost(self, helper: Helper, waiting: Waiting) -> None:
        logger.warning("a helper process of the scanner died; its directories are read again")
        for task in helper.tasks:
            waiting.extend(task)
        helper.tasks.clear()
        self._helpers.remove(helper)
        helper.end()
