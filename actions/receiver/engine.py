"""
The durable engine below the ledger: what it was given is carried out, also after a crash.

DBOS Transact on SQLite (``dbos.sqlite3`` in the state folder) hides behind ``Engine``. One workflow is one
submission of a run; each of its steps is one DBOS step, so a finished step is not run again after a crash
and the interrupted one is.
"""

import datetime as dt
import logging
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final, Protocol

from actions.ledger.ledger import Ledger, Run
from actions.ledger.pruning import shrink
from actions.ledger.schema import RunState
from actions.receiver import dbos_life
from actions.receiver.dbos_life import (
    EMERGENCY_QUEUE,
    QUEUE,
    RECOVERY_ATTEMPTS,
)
from actions.receiver.emergency import is_emergency
from actions.receiver.engine_file import EngineFile, is_damage
from actions.receiver.priority import put_action_last
from actions.receiver.worker import Next
from storekeeper.errors import AlreadyRunning, StorekeeperError
from storekeeper.files import ResourceLock

logger = logging.getLogger(__name__)

# Raised when the workflow below changes its steps: runs of another version are submitted anew, not resumed.
WORKFLOW_VERSION: Final = "1"
MOST_SUBMISSIONS: Final = 20
# So many ended workflows are forgotten in one transaction.
AT_ONCE: Final = 200
# How long a workflow may be claimed while nobody works on it: it was begun elsewhere, or could not end.
LOST_AFTER_SECONDS: Final = 30.0


class EngineUnavailable(StorekeeperError):
    """The engine's own file cannot be read or written now, as on a full disk."""

    permanent = False


class Engine(Protocol):
    """What the receiver needs of an engine. Until it is started, what it is given stays in the ledger."""

    def claim(self) -> None:
        """Make the state ours until ``stop`` or the process's end; raises AlreadyRunning for a twin."""

    def start(self) -> None:
        """
        Begin, unless begun, to carry runs out, interrupted ones first; begin again where its file is damaged.

        Raises EngineUnavailable.
        """

    def problem(self) -> str:
        """Return why no run can be carried out now, ``""`` where it can; safe for any thread."""

    def submit(self, run_id: str) -> None:
        """Carry out an accepted run of the ledger; harmless when it was submitted before."""

    def reconcile(self) -> None:
        """Submit what the ledger holds and the engine has lost, forgot, or has under another version."""

    def forget(self, *, before: float) -> int:
        """Forget what ended before this time, unless the ledger still asks for it; give how many."""

    def stop(self, *, grace_seconds: float) -> bool:
        """Take nothing new and wait for what is being done; False when it did not end in time."""


class DbosEngine:
    """
    An engine with one thread for each of at most MOST_AT_ONCE runs, and of MOST_EMERGENCIES_AT_ONCE more.

    ``carry_out`` carries out one step (``worker.py``); a run that ``may_begin`` refuses stays accepted, and
    ``reconcile`` asks again. A process has at most one started engine:
    DBOS itself is a global of the process.
    """

    def __init__(
        self,
        ledger: Ledger,
        *,
        state: Path,
        carry_out: Callable[[str, int], Next],
        workflow_version: str = WORKFLOW_VERSION,
        may_begin: Callable[[Run], bool] = lambda _: True,
        lost_after_seconds: float = LOST_AFTER_SECONDS,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._ledger = ledger
        self._workflow_version = workflow_version
        self._may_begin = may_begin
        self._lost_after_seconds = lost_after_seconds
        self._clock = clock
        self._silent_since: dict[str, float] = {}
        self._state = state
        self._file = EngineFile(state)
        self._damage = ""
        self._refusal = "it has not begun yet"
        self._refused_new_file = False
        self._sql: Any = None
        self._carry_out = carry_out
        self._lock = ResourceLock(state, resource="receiver", purpose="a receiver")
        self._dbos: Any = None
        self._workflow: Any = None
        self._active: set[str] = set()
        self._active_lock = threading.Lock()

    def claim(self) -> None:
        """Make the state ours until ``stop`` or the process's end; raises AlreadyRunning for a twin."""
        try:
            self._lock.__enter__()
        except AlreadyRunning as error:
            raise AlreadyRunning(
                f"the state folder {self._state} is in use: {error.message}",
                hint="One receiver serves one state folder: stop the other, or give state: another folder",
            ) from None

    def start(self) -> None:
        """
        Begin to carry runs out, the interrupted ones first, unless begun; the state must have been claimed.

        A damaged file is set aside, and what it held is submitted again from the ledger. Raises
        EngineUnavailable; what was half begun is ended then, so that it can be tried again.
        """
        from sqlalchemy.exc import SQLAlchemyError

        if self._dbos is not None and not (damage := self._found_damage()):
            return
        try:
            if self._dbos is not None:
                self._end(seconds=0)
                self._file.set_aside(damage)
            self._launch()
        except (OSError, sqlite3.Error, SQLAlchemyError) as error:
            self._end(seconds=0)
            self._refusal = f"the engine's file {self._file.path} cannot be used: {_first_line(error)}"
            raise EngineUnavailable(
                self._refusal,
                hint="Its disk may be full, or another program holds it. Runs wait in the ledger until then",
            ) from error

    def _found_damage(self) -> str:
        """Return why the file of the engine that works is no longer its own, ``""`` while it is."""
        try:
            return self._damage or self._file.damage()
        except (OSError, sqlite3.Error) as error:
            logger.warning("the engine's file %s cannot be looked at: %s", self._file.path, error)
            return ""

    def problem(self) -> str:
        """Return why no run can be carried out now, ``""`` where it can; safe for any thread."""
        if self._dbos is None:
            return self._refusal
        return self._damage or self._file.problem()

    def _launch(self) -> None:
        """Begin DBOS; where what the file holds is not what DBOS expects, with a new file."""
        from dbos import DBOS
        from sqlalchemy.exc import DatabaseError

        self._damage = ""
        try:
            self._begin()
        except (DatabaseError, sqlite3.DatabaseError) as error:
            # Where a new file is refused, too, the reason lies elsewhere.
            if self._refused_new_file or not is_damage(error):
                raise
            self._end(seconds=0)
            self._file.set_aside(f"the engine cannot begin: {_first_line(error)}")
            self._refused_new_file = True
            self._begin()
        self._refused_new_file = False
        self._dbos = DBOS

    def _begin(self) -> None:
        def run(run_id: str, step_count: int) -> None:
            self._run(run_id, step_count)

        self._sql = self._file.open()
        self._workflow = dbos_life.begin(self._file.path, self._sql, version=self._workflow_version, run=run)

    def _end(self, *, seconds: int) -> None:
        dbos_life.end(seconds=seconds)
        self._dbos = None
        if self._sql is not None:
            self._sql.dispose()
            self._sql = None

    def _run(self, run_id: str, step_count: int) -> None:
        """The workflow: the same calls in the same order at each replay."""
        from dbos import DBOS

        with self._active_lock:
            self._active.add(run_id)
        try:
            for position in range(step_count):
                answer = DBOS.run_step({"name": f"step {position}"}, self._step, run_id, position)
                if answer != Next.GO_ON:
                    break
        finally:
            with self._active_lock:
                self._active.discard(run_id)

    def _step(self, run_id: str, position: int) -> str:
        put_action_last()
        return self._carry_out(run_id, position).value

    def submit(self, run_id: str) -> None:
        """Carry out an accepted run of the ledger; harmless when it was submitted before."""
        from dbos import SetWorkflowID

        run = self._ledger.run(run_id)
        if self._dbos is None or run is None or run.state is not RunState.ACCEPTED:
            return
        if not self._may_begin(run):
            return
        queue = EMERGENCY_QUEUE if is_emergency(run) else QUEUE
        with self._watched(), SetWorkflowID(_workflow_id(run)):
            self._dbos.enqueue_workflow(queue, self._workflow, run.id, run.step_count)

    def reconcile(self) -> None:
        """Submit what the ledger holds and the engine has lost, forgot, or has under another version."""
        if self._dbos is None or self._damage:
            return
        with self._watched():
            self._reconcile()

    @contextmanager
    def _watched(self) -> Iterator[None]:
        """Note where an error says that the engine's file is damaged: the next ``start`` begins again."""
        from sqlalchemy.exc import DatabaseError

        try:
            yield
        except DatabaseError as error:
            if is_damage(error):
                self._damage = f"damaged: {_first_line(error)}"
            raise

    def _reconcile(self) -> None:
        for run in self._ledger.runs_in(RunState.ACCEPTED, RunState.RUNNING):
            with self._active_lock:
                if run.id in self._active:
                    self._silent_since.pop(run.id, None)
                    continue
            status = self._dbos.get_workflow_status(_workflow_id(run))
            if status is None and run.state is RunState.ACCEPTED:
                self.submit(run.id)
            elif status is not None and status.status in ("ENQUEUED", "PENDING", "DELAYED"):
                if status.app_version != self._workflow_version:
                    self._dbos.cancel_workflow(_workflow_id(run))
                    self._submit_anew(run, why="it was begun by another version")
                elif status.status == "PENDING" and self._is_lost(run):
                    self._dbos.cancel_workflow(_workflow_id(run))
                    self._submit_anew(run, why="nobody works on it")
            elif status is not None and status.status == "MAX_RECOVERY_ATTEMPTS_EXCEEDED":
                if self._ledger.attempts(run.id) > RECOVERY_ATTEMPTS:
                    self._give_up(run, error=f"the receiver ended {RECOVERY_ATTEMPTS + 1} times in this step")
                else:
                    # It ended for other reasons than this run: between its steps, or before it began one.
                    self._submit_anew(run, why="the receiver ended often")
            else:
                self._submit_anew(run, why="the engine had lost it")

    def forget(self, *, before: float) -> int:
        """Forget what ended before this time, unless the ledger still asks for it; give how many."""
        if self._dbos is None:
            return 0
        needed = {_workflow_id(run) for run in self._ledger.runs_in(RunState.ACCEPTED, RunState.RUNNING)}
        count = 0
        while old := self._ended(before=before, most=AT_ONCE + len(needed)) - needed:
            self._dbos.delete_workflows(sorted(old))
            count += len(old)
        if count:
            shrink(self._file.path)
        return count

    def _ended(self, *, before: float, most: int) -> set[str]:
        found = self._dbos.list_workflows(
            status=["SUCCESS", "ERROR", "CANCELLED", "MAX_RECOVERY_ATTEMPTS_EXCEEDED"],
            end_time=dt.datetime.fromtimestamp(before, tz=dt.UTC).isoformat(),
            limit=most,
            load_input=False,
            load_output=False,
        )
        return {workflow.workflow_id for workflow in found}

    def _is_lost(self, run: Run) -> bool:
        """Tell whether a workflow that counts as begun has not been worked on here for too long."""
        since = self._silent_since.setdefault(run.id, self._clock())
        return self._clock() - since >= self._lost_after_seconds

    def _submit_anew(self, run: Run, *, why: str) -> None:
        if run.submission >= MOST_SUBMISSIONS:
            self._give_up(run, error=f"given up after {run.submission} submissions: {why}")
        elif self._ledger.hand_back(run.id, submission=run.submission):
            self._silent_since.pop(run.id, None)
            logger.warning("run %s is submitted anew: %s", run.id, why)
            self.submit(run.id)

    def _give_up(self, run: Run, *, error: str) -> None:
        logger.error("run %s: %s", run.id, error)
        self._ledger.end_run(run.id, state=RunState.FAILED, error=error)

    def stop(self, *, grace_seconds: float) -> bool:
        """Take nothing new and wait for what is being done; False when it did not end in time."""
        if self._dbos is not None:
            # DBOS looks once a second, and at least once.
            self._end(seconds=max(1, round(grace_seconds)))
        with self._active_lock:
            idle = not self._active
        if idle:
            self._lock.__exit__(None, None, None)
        return idle


def _workflow_id(run: Run) -> str:
    return f"{run.id}.{run.submission}"


def _first_line(error: BaseException) -> str:
    return str(error.args[0] if error.args else error).splitlines()[0]
